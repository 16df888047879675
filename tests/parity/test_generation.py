# SPDX-License-Identifier: Apache-2.0
"""`midpo generate` and the mixture against transformers and peft."""
import pytest
import torch
import transformers

from engine_models import ARCHITECTURES, VOCAB, LanguageOracle, make_language_model, probe
from generation_models import (Generate, MixtureOracle, greedy, make_expert, random_gates,
                               random_prompts, save_published_router, save_router)

NEW_TOKENS = 24
PROMPTS = random_prompts(100, seed=4)
ROWS = [[ids] for ids in random_prompts(12, seed=5, longest=60) if len(ids) > 1]


@pytest.fixture
def generate(midpo, tmp_path):
    return Generate(midpo, tmp_path)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A base, two experts and their gates."""
    folder = tmp_path_factory.mktemp("mixture")
    base = make_language_model(folder / "base", "llama_gqa")
    experts = [make_expert(folder / name, base, seed)
               for seed, name in enumerate(("safety", "helpfulness"))]
    gates = random_gates(base, seed=6)
    router = save_router(folder / "router", base, gates)
    return dict(folder=folder, base=base, safety=experts[0], helpfulness=experts[1], gates=gates,
                router=router)


def mixture_arguments(world, *last):
    return ["--safety-adapter", world["safety"], "--helpfulness-adapter", world["helpfulness"],
            *last]


def experts_of(world, **more):
    return dict(safety_adapter=str(world["safety"]),
                helpfulness_adapter=str(world["helpfulness"]), **more)


def assert_log_probs(answer, oracle, tolerance=1e-4):
    for [ids], [log_probs] in zip(ROWS, answer["values"], strict=True):
        for ours, theirs in zip(log_probs, oracle.log_probs(ids), strict=True):
            assert abs(ours - theirs) <= tolerance * (1 + abs(theirs))


def assert_same_responses(rows, prompts, model, new_tokens=NEW_TOKENS, **options):
    distinct = set()
    for row, prompt in zip(rows, prompts, strict=True):
        wanted = greedy(model, prompt, new_tokens, **options)
        assert row["response_ids"] == wanted, (prompt, row)
        assert row["finish_reason"] == ("eos" if wanted[-1] == 2 else "length")
        assert row["prompt_tokens"] == len(prompt)
        assert row["response_tokens"] == len(wanted)
        distinct.update(wanted)
    assert len(distinct) > 20, "the model degenerates: the comparison means little"


# --- the mixture

def test_the_mixture_equals_its_definition(world):
    oracle = MixtureOracle(world["base"], world["safety"], world["helpfulness"], world["gates"])
    answer = probe(world["base"], "logprob", ROWS,
                   **experts_of(world, router=str(world["router"])))
    assert_log_probs(answer, oracle)
    base = LanguageOracle(world["base"])
    with pytest.raises(AssertionError):
        assert_log_probs(answer, base, 1e-2)


def test_a_published_router_gives_the_same_bits(world, tmp_path):
    path = save_published_router(tmp_path / "router.pth", world["gates"])
    ours, published = (probe(world["base"], "logprob", ROWS, **experts_of(world, router=str(router)),
                             allow_pickle=True)["values"] for router in (world["router"], path))
    assert ours == published


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1.5, -0.25)])
def test_fixed_weights_equal_the_definition(world, weights):
    oracle = MixtureOracle(world["base"], world["safety"], world["helpfulness"], weights)
    assert_log_probs(probe(world["base"], "logprob", ROWS,
                           **experts_of(world, mixture=list(weights))), oracle)


def test_weights_of_zero_and_one_are_base_and_experts(world):
    def values(**options):
        return probe(world["base"], "logprob", ROWS, **options)["values"]

    assert values(**experts_of(world, mixture=[0.0, 0.0])) == values()
    for weights, expert in (([1.0, 0.0], "safety"), ([0.0, 1.0], "helpfulness")):
        mixed = values(**experts_of(world, mixture=weights))
        alone = values(adapter=str(world[expert]))
        worst = max(abs(a - b) for [x], [y] in zip(mixed, alone, strict=True)
                    for a, b in zip(x, y, strict=True))
        assert worst < 1e-5


def test_every_choice_of_experts_and_gates_is_a_model_of_its_own(world):
    options = [{}, dict(adapter=str(world["safety"])),
               experts_of(world, mixture=[0.5, 0.5]), experts_of(world, mixture=[0.5, 0.6]),
               experts_of(world, router=str(world["router"]))]
    contents = {probe(world["base"], "logprob", [], **o)["info"]["content"] for o in options}
    assert len(contents) == len(options)


def test_bf16_mixture_stays_near(world):
    oracle = MixtureOracle(world["base"], world["safety"], world["helpfulness"], world["gates"])
    answer = probe(world["base"], "logprob", ROWS, dtype="bfloat16",
                   **experts_of(world, router=str(world["router"])))
    errors = [ours - theirs for [ids], [values] in zip(ROWS, answer["values"], strict=True)
              for ours, theirs in zip(values, oracle.log_probs(ids), strict=True)]
    assert (sum(e * e for e in errors) / len(errors)) ** 0.5 < 0.15


@pytest.mark.parametrize("change, text", [
    (dict(base_model_hash="0" * 32), "base model"),
    (dict(safety_adapter_hash="0" * 32), "safety adapter"),
    (dict(num_layers=2), "has gates for 2 layers"),
    (dict(lora_scale=1.0), "the gates were trained with 1.0"),
    (dict(format="other"), "format"),
])
def test_a_router_of_something_else_is_refused(world, tmp_path, change, text):
    router = save_router(tmp_path / "router", world["base"], world["gates"], **change)
    answer = probe(world["base"], "logprob", ROWS, may_fail=True,
                   **experts_of(world, router=str(router)))
    assert answer["error"] == "checkpoint" and text in answer["text"]


def test_experts_on_other_projections_cannot_be_gated(world, tmp_path):
    expert = make_expert(tmp_path / "expert", world["base"], 3, ("q_proj", "down_proj"))
    options = experts_of(world, router=str(world["router"])) | {"safety_adapter": str(expert)}
    answer = probe(world["base"], "logprob", ROWS, may_fail=True, **options)
    assert "q_proj" in answer["text"] and "--mixture" in answer["text"]


def test_an_adapter_of_a_deeper_base_is_refused(world, tmp_path):
    shallow = make_language_model(tmp_path / "shallow", "one_layer")
    answer = probe(shallow, "logprob", ROWS, may_fail=True, adapter=str(world["safety"]))
    assert "another base model" in answer["text"]


# --- greedy generation

@pytest.mark.parametrize("name", ARCHITECTURES)
def test_greedy_equals_transformers(generate, tmp_path, name):
    prompts = PROMPTS if name == "llama_gqa" else PROMPTS[:12]
    base = make_language_model(tmp_path / "base", name)
    rows = generate(base, prompts, "--max-new-tokens", NEW_TOKENS)
    assert_same_responses(rows, prompts, LanguageOracle(base).model)


def test_responses_end_at_any_of_several_tokens(generate, tmp_path):
    """As Llama 3 and Qwen have them, in generation_config.json alone."""
    base = make_language_model(tmp_path / "base", "llama_gqa")
    ends = list(range(2, VOCAB, 12))
    transformers.GenerationConfig(bos_token_id=1, eos_token_id=ends,
                                  pad_token_id=0).save_pretrained(base)
    rows = generate(base, PROMPTS[:20], "--max-new-tokens", NEW_TOKENS)
    model = LanguageOracle(base).model
    for row, prompt in zip(rows, PROMPTS, strict=False):
        assert row["response_ids"] == greedy(model, prompt, NEW_TOKENS)
        is_ended = row["response_ids"][-1] in ends
        assert row["finish_reason"] == ("eos" if is_ended else "length")
    last = {row["response_ids"][-1] for row in rows if row["finish_reason"] == "eos"}
    assert len(last) > 2


def test_greedy_with_an_adapter_equals_peft(generate, world):
    rows = generate(world["base"], PROMPTS, "--adapter", world["safety"],
                    "--max-new-tokens", NEW_TOKENS)
    assert_same_responses(rows, PROMPTS, LanguageOracle(world["base"],
                                                        adapter=world["safety"]).model)


def test_greedy_mixture_equals_its_definition(generate, world):
    rows = generate(world["base"], PROMPTS,
                    *mixture_arguments(world, "--router", world["router"]),
                    "--max-new-tokens", NEW_TOKENS)
    oracle = MixtureOracle(world["base"], world["safety"], world["helpfulness"], world["gates"])
    assert_same_responses(rows, PROMPTS, oracle.model)


def test_repetition_penalty_equals_transformers(generate, world):
    rows = generate(world["base"], PROMPTS[:20], "--repetition-penalty", 1.3,
                    "--max-new-tokens", NEW_TOKENS)
    assert_same_responses(rows, PROMPTS[:20], LanguageOracle(world["base"]).model,
                          repetition_penalty=1.3)


def test_log_probs_are_those_of_the_language_model(generate, world):
    rows = generate(world["base"], PROMPTS[:6], "--log-probs", "--max-new-tokens", NEW_TOKENS,
                    "--temperature", 1.0)
    oracle = LanguageOracle(world["base"])
    for row in rows:
        wanted = oracle.log_probs(row["prompt_ids"] + row["response_ids"])
        wanted = wanted[len(row["prompt_ids"]) - 1:]
        assert row["response_log_probs"] == pytest.approx(wanted, abs=1e-4)


# --- independence of the batch

@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["llama_gqa", "llama_mqa_odd"])
def test_a_response_does_not_depend_on_the_batch(generate, midpo, tmp_path, name, dtype):
    base = make_language_model(tmp_path / "base", name)
    arguments = ["--temperature", 1.0, "--max-new-tokens", 40, "--dtype", dtype, "--log-probs"]
    prompts = PROMPTS[:33]

    def texts(*more):
        return [(row["response_ids"], row["response_log_probs"])
                for row in generate(base, prompts, *arguments, *more)]

    wanted = texts("--generators", 1, "--max-sequences", 1)
    assert texts("--generators", 1, "--max-sequences", 16) == wanted
    assert texts("--generators", 1, "--max-sequences", 40, "--batch-tokens", 64) == wanted
    assert texts("--generators", 2, "--max-sequences", 5, "--kv-rows", 300) == wanted
    assert texts("--generators", 1, "--threads", 2) == wanted


def test_samples_differ_and_do_not_depend_on_their_number(generate, world):
    arguments = ["--temperature", 1.0, "--max-new-tokens", 16]
    four = generate(world["base"], PROMPTS[:8], *arguments, "--num-samples", 4)
    two = generate(world["base"], PROMPTS[:8], *arguments, "--num-samples", 2)
    one = generate(world["base"], PROMPTS[:8], *arguments)
    for a, b, c in zip(four, two, one, strict=True):
        assert a["responses_ids"][:2] == b["responses_ids"]
        assert a["responses_ids"][0] == c["response_ids"]
        assert len({tuple(ids) for ids in a["responses_ids"]}) == 4
    other = generate(world["base"], PROMPTS[:8], *arguments, "--seed", 43)
    assert [row["response_ids"] for row in other] != [row["response_ids"] for row in one]


# --- sampling

@pytest.mark.parametrize("options", [
    dict(temperature=0.7), dict(temperature=1.3, top_k=5), dict(temperature=1.0, top_p=0.6),
    dict(temperature=1.5, top_k=40, top_p=0.8), dict(temperature=1.0, repetition_penalty=1.7)])
def test_first_tokens_are_drawn_as_transformers_would(generate, world, options):
    """Frequencies of 4000 draws against the probabilities of transformers' processors."""
    prompt, draws = PROMPTS[7], 4000
    arguments = [word for key, value in options.items()
                 for word in ("--" + key.replace("_", "-"), value)]
    [row] = generate(world["base"], [prompt], *arguments, "--max-new-tokens", 1,
                     "--num-samples", draws)
    counts = torch.bincount(torch.tensor([ids[0] for ids in row["responses_ids"]]), minlength=331)
    wanted = processed_probabilities(LanguageOracle(world["base"]).model, prompt, **options)
    assert counts[wanted == 0].sum() == 0
    spread = (draws * wanted * (1 - wanted)).sqrt()
    assert ((counts - draws * wanted).abs() <= 5 * spread + 1).all()


@torch.inference_mode()
def processed_probabilities(model, prompt, temperature, top_k=0, top_p=1.0,
                            repetition_penalty=1.0):
    ids = torch.tensor([prompt])
    scores = model(ids).logits[:, -1].float()
    processors = transformers.LogitsProcessorList()
    if repetition_penalty != 1.0:
        processors.append(transformers.RepetitionPenaltyLogitsProcessor(repetition_penalty))
    processors.append(transformers.TemperatureLogitsWarper(temperature))
    if top_k:
        processors.append(transformers.TopKLogitsWarper(top_k))
    if top_p < 1:
        processors.append(transformers.TopPLogitsWarper(top_p))
    return processors(ids, scores)[0].softmax(-1)
