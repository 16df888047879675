# SPDX-License-Identifier: Apache-2.0
"""The learners against transformers and peft in fp32: losses 1e-5, gradients 1e-4, 20 steps 1e-4."""
import json

import pytest
import torch
import transformers
from safetensors.torch import load_file

import training_oracle as oracle
from engine_models import ARCHITECTURES, VOCAB, make_language_model, make_score_model, random_row

LOSS_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
CURVE_TOLERANCE = 1e-4
SHAPES = [((37, 52), 20), ((64, 41), 12), ((18, 19), 17), ((90, 75), 30)]


def pair_rows(seed=3, shapes=SHAPES):
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for index, (lengths, shared) in enumerate(shapes):
        sequences = random_row(generator, lengths, shared)
        for k, ids in enumerate(sequences):  # they differ where the shared part ends
            ids[shared] = 3 + (ids[shared] - 3 + 2 * k + (sequences[0][shared] == ids[shared])) % (VOCAB - 3)
        rows.append({"sequences": sequences, "reference_chosen": -90.0 - index,
                     "reference_rejected": -95.0 + 2 * index, "offset": -0.1 * index,
                     "is_first_unsafe": index % 2 == 0, "is_second_unsafe": index % 3 == 0})
    return rows


def sft_rows(seed=4):
    generator = torch.Generator().manual_seed(seed)
    spans = [[[10, 30]], [[5, 9], [20, 44]], [[1, 2], [50, 61]], [[33, 34]]]
    return [{"sequences": random_row(generator, (trained[-1][1],), 0), "trained": trained}
            for trained in spans]


def make_adapter(folder, base, modules, seed=0, rank=4):
    import peft
    torch.manual_seed(seed)
    model = peft.get_peft_model(transformers.AutoModelForCausalLM.from_pretrained(base),
                                peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=modules))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.1)
    model.save_pretrained(folder)
    return model


def assert_gradients(path, wanted, tolerance=GRADIENT_TOLERANCE):
    """Each tensor within `tolerance` of its own largest entry."""
    got = load_file(path)
    assert set(got) == set(wanted)
    for name, gradient in wanted.items():
        scale = gradient.abs().max().item()
        worst = (got[name] - gradient).abs().max().item()
        assert worst <= tolerance * scale + 1e-9, (name, worst, scale)


def lora_gradients(model):
    return {name.removeprefix("base_model.model.").replace(".default", ""): parameter.grad
            for name, parameter in model.named_parameters() if "lora_" in name}


def all_gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def close(got, wanted, tolerance=LOSS_TOLERANCE):
    assert abs(got - wanted) <= tolerance * (1 + abs(wanted)), (got, wanted)


@pytest.mark.parametrize("modules", [["down_proj"], ["q_proj", "v_proj"], oracle.LORA_MODULES],
                         ids=["down", "qv", "all"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_adapter_gradients_equal_peft(tmp_path, name, modules):
    base = make_language_model(tmp_path / "base", name)
    model = make_adapter(tmp_path / "adapter", base, modules)
    rows = pair_rows()
    loss = oracle.pair_loss(model, rows)
    loss.backward()
    got = oracle.learn(base, objective="pairs", resume_adapter=str(tmp_path / "adapter"),
                       lora=dict(rank=4, alpha=8, target_modules=modules), batches=[rows],
                       learning_rates=[1e-3], gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients", lora_gradients(model))


@pytest.mark.parametrize("kind, options", [
    ("ipo", {}), ("hinge", {}), ("robust", dict(label_smoothing=0.2)),
    ("sigmoid", dict(beta=0.3)), ("sigmoid", dict(pair_scale=0.2))])
def test_pair_losses(tmp_path, kind, options):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    model = make_adapter(tmp_path / "adapter", base, ["down_proj"])
    rows = pair_rows()
    plain = {"scale" if key == "pair_scale" else key: value for key, value in options.items()}
    loss = oracle.pair_loss(model, rows, kind, **plain)
    loss.backward()
    got = oracle.learn(base, objective="pairs", pair_loss=kind,
                       resume_adapter=str(tmp_path / "adapter"), lora=dict(rank=4, alpha=8),
                       batches=[rows], learning_rates=[1e-3],
                       gradients=str(tmp_path / "gradients"), **options)
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients", lora_gradients(model))


def published_sums(model, rows):
    """Log-prob sums on a padded batch, as the published code takes them: shifted by one token."""
    sequences = [ids for row in rows for ids in row["sequences"]]
    width = max(map(len, sequences))
    sums = []
    for row in rows:
        first = oracle.first_difference(*row["sequences"])
        for ids in row["sequences"]:
            padded = ids + [0] * (width - len(ids))
            log_probs = oracle.token_log_probs(model, padded)
            sums.append(log_probs[first:len(ids)].sum())
    return sums


def test_published_compat_counts_as_the_published_code(tmp_path):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    model = make_adapter(tmp_path / "adapter", base, ["down_proj"])
    rows = pair_rows()
    policy = published_sums(model, rows)
    with torch.no_grad(), model.disable_adapter():
        reference = published_sums(model, rows)
    losses = []
    for i, row in enumerate(rows):
        change = (policy[2 * i] - reference[2 * i]) - (policy[2 * i + 1] - reference[2 * i + 1])
        losses.append(-torch.nn.functional.logsigmoid(0.1 * change + row["offset"]))
    loss = torch.stack(losses).mean()
    loss.backward()
    got = oracle.learn(base, objective="pairs", resume_adapter=str(tmp_path / "adapter"),
                       is_published_compat=True, lora=dict(rank=4, alpha=8), batches=[rows],
                       learning_rates=[1e-3], gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients", lora_gradients(model))


def check_whole_model(tmp_path, name, objective, rows, loss_of):
    """One step of a model that is trained whole: loss and the gradient of every tensor."""
    base = make_language_model(tmp_path / "base", name)
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    loss = loss_of(model, rows)
    loss.backward()
    got = oracle.learn(base, objective=objective, batches=[rows], learning_rates=[1e-3],
                       gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients", all_gradients(model))


@pytest.mark.parametrize("name", ["llama_gqa", "qwen3", "tied", "llama_mqa_odd", "one_layer"])
def test_whole_model_gradients_of_dpo(tmp_path, name):
    check_whole_model(tmp_path, name, "pairs", pair_rows(), oracle.pair_loss)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_supervised_gradients(tmp_path, name):
    check_whole_model(tmp_path, name, "sft", sft_rows(), oracle.sft_loss)


@pytest.mark.parametrize("is_token_wise", [False, True], ids=["ends", "tokens"])
@pytest.mark.parametrize("objective", ["reward", "cost"])
@pytest.mark.parametrize("name", ["llama_mha", "qwen3", "qwen2"])
def test_score_model_gradients(tmp_path, name, objective, is_token_wise):
    base = make_score_model(tmp_path, name)
    model = oracle.ScoreOracle(base)
    rows = pair_rows()
    loss = oracle.score_loss(model, rows, objective == "cost", is_token_wise)
    loss.backward()
    got = oracle.learn(base, objective=objective, is_token_wise=is_token_wise, batches=[rows],
                       learning_rates=[1e-3], gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients", all_gradients(model))


def make_router(tmp_path, name="llama_gqa"):
    """Base, both experts and a fresh router, as ours starts it."""
    base = make_language_model(tmp_path / "base", name)
    for seed, expert in enumerate(("safety", "helpfulness")):
        make_adapter(tmp_path / expert, base, ["down_proj"], seed=seed)
    request = dict(objective="router", safety_adapter=str(tmp_path / "safety"), gate_width=24,
                   helpfulness_adapter=str(tmp_path / "helpfulness"))
    oracle.learn(base, **request, batches=[], learning_rates=[], export=str(tmp_path / "router"))
    mixture = oracle.Mixture(base, tmp_path / "safety", tmp_path / "helpfulness",
                             tmp_path / "router", scale=2.0)
    return base, request, mixture


@pytest.mark.parametrize("name", ["llama_gqa", "one_layer", "qwen3"])
def test_router_gradients_equal_the_factored_gates(tmp_path, name):
    base, request, mixture = make_router(tmp_path, name)
    rows = pair_rows()
    loss = mixture.loss(rows)
    loss.backward()
    got = oracle.learn(base, **request, batches=[rows], learning_rates=[1e-3],
                       gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients",
                     {name: value.grad for name, value in mixture.router.items()})


@pytest.mark.parametrize("name", ["llama_gqa", "one_layer", "qwen3"])
def test_published_compat_regularises_as_the_published_router(tmp_path, name):
    base, request, _ = make_router(tmp_path, name)
    mixture = oracle.PublishedMixture(base, tmp_path / "safety", tmp_path / "helpfulness",
                                      tmp_path / "router")
    rows = pair_rows()
    loss = mixture.loss(rows)
    loss.backward()
    got = oracle.learn(base, **request, is_published_compat=True, batches=[rows],
                       learning_rates=[1e-3], gradients=str(tmp_path / "gradients"))
    close(got["steps"][0]["loss"], loss.item())
    assert_gradients(tmp_path / "gradients",
                     {name: value.grad for name, value in mixture.router.items()})


def test_published_compat_leaves_checkpointed_bits_of_the_router_alone(tmp_path):
    base, request, _ = make_router(tmp_path)
    batches = batches_of(pair_rows())[:3]
    steps = [oracle.learn(base, **request, is_published_compat=True, batches=batches,
                          learning_rates=[1e-3] * 3, checkpoints_activations=checkpoints)["steps"]
             for checkpoints in (False, True)]
    assert steps[0] == steps[1]


def test_a_router_records_its_mean_gates(tmp_path):
    base, request, mixture = make_router(tmp_path)
    rows = pair_rows()
    mixture.loss(rows)
    got = oracle.learn(base, **request, batches=[rows], learning_rates=[0.0],
                       export=str(tmp_path / "trained"))
    config = json.loads((tmp_path / "trained" / "router_config.json").read_text())
    layers = len(mixture.model.model.layers)
    for name in ("alpha", "beta"):
        gates = [gate.flatten() for which, gate in mixture.gates if which == name]
        wanted = [torch.cat(gates[layer::layers]).mean().item() for layer in range(layers)]
        assert config[f"mean_{name}"] == pytest.approx(wanted, abs=1e-6)
        assert got["steps"][0][f"router/{name}_mean"] == pytest.approx(sum(wanted) / layers,
                                                                       abs=1e-6)


def run_steps(parameters, losses, rate, decayed=()):
    """torch's AdamW with clipping; one loss function a step."""
    decayed = {id(parameter) for parameter in decayed}
    optimizer = torch.optim.AdamW([
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": 0.1},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0}],
        lr=rate, betas=(0.9, 0.95), eps=1e-8)
    curve = []
    for loss_function in losses:
        optimizer.zero_grad()
        loss = loss_function()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        curve.append((loss.item(), norm.item()))
    return curve


def assert_curve(got, wanted):
    for step, (loss, norm) in zip(got["steps"], wanted, strict=True):
        close(step["loss"], loss, CURVE_TOLERANCE)
        close(step["grad_norm"], norm, 1e-3)


STEPS = 20


def batches_of(rows):
    return [[rows[i % len(rows)], rows[(3 * i + 1) % len(rows)]] for i in range(STEPS)]


def test_twenty_steps_of_an_expert(tmp_path):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    model = make_adapter(tmp_path / "adapter", base, ["down_proj"])
    batches = batches_of(pair_rows())
    parameters = [p for name, p in model.named_parameters() if "lora_" in name]
    wanted = run_steps(parameters, [lambda b=b: oracle.pair_loss(model, b) for b in batches], 1e-3)
    got = oracle.learn(base, objective="pairs", resume_adapter=str(tmp_path / "adapter"),
                       lora=dict(rank=4, alpha=8), batches=batches, learning_rates=[1e-3] * STEPS)
    assert_curve(got, wanted)


def test_twenty_steps_of_the_router(tmp_path):
    base, request, mixture = make_router(tmp_path)
    batches = batches_of(pair_rows())
    wanted = run_steps(list(mixture.router.values()),
                       [lambda b=b: mixture.loss(b) for b in batches], 1e-3)
    got = oracle.learn(base, **request, batches=batches, learning_rates=[1e-3] * STEPS)
    assert_curve(got, wanted)


@pytest.mark.parametrize("objective", ["reward", "cost"])
def test_twenty_steps_of_score_models(tmp_path, objective):
    base = make_score_model(tmp_path, "llama_mha")
    model = oracle.ScoreOracle(base)
    batches = batches_of(pair_rows())
    decayed = [p for name, p in model.named_parameters() if p.dim() > 1]
    wanted = run_steps(list(model.parameters()),
                       [lambda b=b: oracle.score_loss(model, b, objective == "cost", False)
                        for b in batches], 1e-4, decayed)
    got = oracle.learn(base, objective=objective, weight_decay=0.1, batches=batches,
                       learning_rates=[1e-4] * STEPS)
    assert_curve(got, wanted)


def test_twenty_steps_of_supervised_training(tmp_path):
    base = make_language_model(tmp_path / "base", "llama_mha")
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    batches = batches_of(sft_rows())
    decayed = [p for name, p in model.named_parameters() if p.dim() > 1]
    wanted = run_steps(list(model.parameters()),
                       [lambda b=b: oracle.sft_loss(model, b) for b in batches], 1e-4, decayed)
    got = oracle.learn(base, objective="sft", weight_decay=0.1, batches=batches,
                       learning_rates=[1e-4] * STEPS)
    assert_curve(got, wanted)


@pytest.mark.parametrize("objective", ["pairs", "sft"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bits_do_not_depend_on_checkpointing_or_resume(tmp_path, objective, dtype):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    rows = pair_rows() if objective == "pairs" else sft_rows()
    request = dict(objective=objective, dtype=dtype)
    if objective == "pairs":
        request["lora"] = dict(rank=4, alpha=8)
    batches = batches_of(rows)[:6]
    rates = [1e-3] * 6
    whole = oracle.learn(base, **request, batches=batches, learning_rates=rates,
                         save_state=str(tmp_path / "whole"))
    again = oracle.learn(base, **request, batches=batches, learning_rates=rates,
                         checkpoints_activations=True, save_state=str(tmp_path / "again"))
    assert whole["steps"] == again["steps"]
    oracle.learn(base, **request, batches=batches[:3], learning_rates=rates,
                 save_state=str(tmp_path / "half"))
    rest = oracle.learn(base, **request, batches=batches[3:], learning_rates=rates,
                        load_state=str(tmp_path / "half"), save_state=str(tmp_path / "rest"))
    assert whole["steps"][3:] == rest["steps"]
    states = [(tmp_path / name).read_bytes() for name in ("whole", "again", "rest")]
    assert states[0] == states[1] == states[2]


def test_bits_do_not_depend_on_threads(tmp_path):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    request = dict(objective="pairs", lora=dict(rank=4, alpha=8, target_modules=oracle.LORA_MODULES),
                   batches=batches_of(pair_rows())[:4], learning_rates=[1e-3] * 4)
    one = oracle.learn(base, **request, num_threads=1, save_state=str(tmp_path / "one"))
    two = oracle.learn(base, **request, num_threads=2, save_state=str(tmp_path / "two"))
    assert one["steps"] == two["steps"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_twenty_steps_equal_trls_own_trainer(tmp_path):
    import datasets
    import trl

    class Trainer(trl.DPOTrainer):
        """TRL's, on rows that are tokenised already, in their order."""

        def _prepare_dataset(self, dataset, *_):
            return dataset

        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    base = make_language_model(tmp_path / "base", "llama_gqa")
    make_tokenizer(base)
    rows = [row for batch in batches_of(pair_rows()) for row in batch]
    shared = [oracle.first_difference(*row["sequences"]) for row in rows]
    data = [{"prompt_ids": row["sequences"][0][:prompt], "chosen_ids": row["sequences"][0][prompt:],
             "rejected_ids": row["sequences"][1][prompt:]} for row, prompt in zip(rows, shared)]
    model = make_adapter(tmp_path / "adapter", base, ["down_proj"])
    reference = transformers.AutoModelForCausalLM.from_pretrained(base)
    config = trl.DPOConfig(
        output_dir=str(tmp_path / "trl"), per_device_train_batch_size=2, num_train_epochs=1,
        learning_rate=1e-3, lr_scheduler_type="constant", warmup_steps=0, adam_beta2=0.95,
        max_grad_norm=1.0, max_length=512, use_cpu=True, report_to=[], save_strategy="no",
        logging_steps=1, bf16=False, gradient_checkpointing=False, disable_tqdm=True)
    trainer = Trainer(model=model, ref_model=reference, args=config,
                      train_dataset=datasets.Dataset.from_list(data),
                      processing_class=transformers.AutoTokenizer.from_pretrained(base))
    trainer.train()
    wanted = [entry for entry in trainer.state.log_history if "loss" in entry]
    own = []
    with torch.no_grad():
        for row, first in zip(rows, shared):
            sums = [oracle.token_log_probs(reference, ids)[first - 1:].sum().item()
                    for ids in row["sequences"]]
            own.append({"sequences": row["sequences"], "reference_chosen": sums[0],
                        "reference_rejected": sums[1]})
    got = oracle.learn(base, objective="pairs", resume_adapter=str(tmp_path / "adapter"),
                       lora=dict(rank=4, alpha=8), learning_rates=[1e-3] * STEPS,
                       batches=[own[i:i + 2] for i in range(0, len(own), 2)])
    for ours, theirs in zip(got["steps"], wanted, strict=True):
        close(ours["loss"], theirs["loss"], CURVE_TOLERANCE)
        for name in ("rewards/margins", "rewards/chosen", "rewards/accuracies"):
            close(ours[name], theirs[name], 1e-3)


def make_tokenizer(folder):
    """TRL wants one, even for rows that are tokenised."""
    from tokenizers import Tokenizer, models
    tokenizer = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCAB)}, unk_token="t0"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="t1", eos_token="t2",
                                         pad_token="t0").save_pretrained(folder)
