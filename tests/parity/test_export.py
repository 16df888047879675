# SPDX-License-Identifier: Apache-2.0
"""midpo export: directories that plain transformers loads, against the mixture as torch hooks."""
import json
import shutil

import peft
import pytest
import torch
import transformers
from mixture_parts import Mixture, load_base, write_adapter, write_router
from peer_models import load_tensors
from safetensors.torch import load_file

FP32_TOLERANCE = 1e-4
IDS = torch.tensor([[1, 5, 9, 40, 7, 2, 77, 300]])
ARCHITECTURES = ("llama", "llama-bias", "qwen2", "qwen3", "mistral")


def assert_close(got, wanted, tolerance=FP32_TOLERANCE):
    worst = ((got - wanted).abs() / (1 + wanted.abs())).max().item()
    assert worst <= tolerance, worst


@torch.inference_mode()
def logits(model, ids=IDS):
    return model(input_ids=ids).logits.float()


def load_export(folder, **options):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, attn_implementation="eager", **options).eval()


@pytest.fixture
def mixture(tmp_path, model_folders):
    return Mixture(model_folders("--models", "base") / "base", tmp_path)


def export(midpo, mixture, out, *more):
    midpo.run_ok("export", "--model", mixture.base, *mixture.arguments(), "--output", out, *more)
    return out


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_mixtures_of_each_architecture_equal_the_hooks(midpo, tmp_path, model_folders, arch):
    mixture = Mixture(model_folders("--arch", arch, "--models", "base") / "base", tmp_path)
    loaded = load_export(export(midpo, mixture, tmp_path / "out"))
    wanted = logits(mixture.oracle())
    assert (wanted - logits(load_base(mixture.base))).abs().max() > 0.1
    assert_close(logits(loaded), wanted)


def test_a_bfloat16_base_keeps_experts_and_gates_in_float32(midpo, tmp_path, model_folders):
    base = model_folders("--models", "base", "--dtype", "bfloat16") / "base"
    mixture = Mixture(base, tmp_path)
    loaded = load_export(export(midpo, mixture, tmp_path / "out"))
    types = {name: parameter.dtype for name, parameter in loaded.named_parameters()}
    assert types["model.layers.0.mlp.down_proj.weight"] == torch.bfloat16
    assert types["model.layers.0.mlp.down_proj.safety.gate.weight"] == torch.float32
    assert types["model.layers.1.mlp.down_proj.helpfulness.lora_A.weight"] == torch.float32
    assert torch.equal(logits(loaded), logits(mixture.oracle(torch.bfloat16)))


def test_generation_uses_the_cache(midpo, mixture, tmp_path):
    loaded = load_export(export(midpo, mixture, tmp_path / "out"))
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    with_cache = loaded.generate(IDS, **options)
    assert torch.equal(with_cache, loaded.generate(IDS, use_cache=False, **options))
    assert torch.equal(with_cache, mixture.oracle().generate(IDS, **options))


def test_generation_equals_that_of_midpo(midpo, model_folders, tmp_path):
    # Without its tokenizer, which does not know every id of the random model.
    base = shutil.copytree(model_folders("--models", "base") / "base", tmp_path / "base",
                           ignore=shutil.ignore_patterns("tokenizer*"))
    mixture = Mixture(base, tmp_path)
    prompts = [[1, 5, 9, 40, 7], [1, 300, 2, 77], [1, 8, 8, 8, 6, 4, 2, 1, 9, 999]]
    rows = midpo.write_jsonl(tmp_path / "prompts.jsonl", [{"prompt_ids": ids} for ids in prompts])
    midpo.run_ok("generate", "--model", mixture.base, *mixture.arguments(), "--data", rows,
                 "--output", tmp_path / "out.jsonl", "--max-new-tokens", 16, "--ignore-eos",
                 "--log-probs")
    loaded = load_export(export(midpo, mixture, tmp_path / "out"))
    for ids, row in zip(prompts, midpo.read_jsonl(tmp_path / "out.jsonl"), strict=True):
        theirs = loaded.generate(torch.tensor([ids]), max_new_tokens=16, do_sample=False,
                                 eos_token_id=None, pad_token_id=0)[0]
        assert row["response_ids"] == theirs[len(ids):].tolist()
        log_probs = torch.log_softmax(logits(loaded, theirs[None]), -1)[0, len(ids) - 1:-1]
        wanted = log_probs.gather(1, theirs[len(ids):, None])[:, 0]
        assert_close(torch.tensor(row["response_log_probs"]), wanted)


def test_a_published_router_gives_the_same_mixture(midpo, mixture, tmp_path):
    state_dicts = {}
    for name, tensor in load_file(mixture.router / "router.safetensors").items():
        _, layer, gate, parameter = name.split(".", 3)
        state_dicts.setdefault(f"layer_{layer}_{gate}", {})[parameter] = tensor
    torch.save(state_dicts, tmp_path / "router.pth")
    midpo.run_ok("export", "--model", mixture.base, *mixture.arguments()[:4], "--allow-pickle",
                 "--router", tmp_path / "router.pth", "--output", tmp_path / "published")
    ours = load_tensors(export(midpo, mixture, tmp_path / "out"))
    published = load_tensors(tmp_path / "published")
    assert set(ours) == set(published)
    assert all(torch.equal(ours[name], published[name]) for name in ours)


def test_the_tokenizer_comes_along(midpo, mixture, tmp_path):
    out = export(midpo, mixture, tmp_path / "out")
    text = "Two words, </s> and more"
    ours = transformers.AutoTokenizer.from_pretrained(out, trust_remote_code=True)
    base = transformers.AutoTokenizer.from_pretrained(mixture.base)
    assert ours(text).input_ids == base(text).input_ids


def test_an_export_saved_by_transformers_loads_again(midpo, mixture, tmp_path):
    loaded = load_export(export(midpo, mixture, tmp_path / "out"))
    loaded.save_pretrained(tmp_path / "again")
    assert torch.equal(logits(load_export(tmp_path / "again")), logits(loaded))


@pytest.mark.parametrize("dtype", ["base", "float32", "bfloat16", "float16"])
def test_merging_an_adapter_equals_peft(midpo, tmp_path, model_folders, dtype):
    base = model_folders("--models", "base", "--dtype", "bfloat16") / "base"
    adapter = write_adapter(base, tmp_path / "adapter", 1, ("down_proj", "q_proj"))
    midpo.run_ok("export", "--format", "merged", "--model", base, "--adapter", adapter,
                 "--output", tmp_path / "out", "--dtype", dtype)
    merged = peft.PeftModel.from_pretrained(load_base(base), adapter).merge_and_unload()
    stored = torch.bfloat16 if dtype == "base" else getattr(torch, dtype)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["dtype"] == str(stored).removeprefix("torch.")
    wanted = merged.state_dict()
    for name, tensor in load_tensors(tmp_path / "out").items():
        assert tensor.dtype == stored, name
        # Sums in another order: values may fall on the other side of a rounding.
        assert_close(tensor.float(), wanted[name].to(stored).float(), torch.finfo(stored).eps)
    assert set(load_tensors(tmp_path / "out")) == set(load_tensors(base))


def test_merging_both_experts_with_constants(midpo, mixture, tmp_path):
    midpo.run_ok("export", "--format", "merged", "--model", mixture.base,
                 *mixture.arguments()[:4], "--alpha", 0.25, "--beta", 0.5,
                 "--output", tmp_path / "out")
    model = peft.PeftModel.from_pretrained(load_base(mixture.base), mixture.safety, "safety")
    model.load_adapter(mixture.helpfulness, "helpfulness")
    model.add_weighted_adapter(["safety", "helpfulness"], [0.25, 0.5], "both",
                               combination_type="cat")
    model.set_adapter("both")
    assert_close(logits(load_base(tmp_path / "out")), logits(model.eval()))


def test_merging_with_a_routers_means_says_it_is_an_approximation(midpo, mixture, tmp_path):
    write_router(mixture.base, tmp_path / "means", seed=3, mean_alpha=[0.2, 0.4],
                 mean_beta=[1.0, 0.0])
    result = midpo.run_ok("export", "--format", "merged", "--model", mixture.base,
                          *mixture.arguments()[:4], "--router", tmp_path / "means",
                          "--output", tmp_path / "out")
    assert "approximation" in result.stderr
    assert "safety expert by layer, the mean that training recorded: 0.2 0.4\n" in result.stderr
    assert "helpfulness expert by layer, the mean that training recorded: 1 0\n" in result.stderr
    name = "model.layers.1.mlp.down_proj.weight"
    prefix = "base_model.model.model.layers.1.mlp.down_proj"
    factors = peft.utils.load_peft_weights(str(mixture.safety))
    update = 0.4 * 2.0 * factors[f"{prefix}.lora_B.weight"] @ factors[f"{prefix}.lora_A.weight"]
    assert_close(load_tensors(tmp_path / "out")[name],
                 load_tensors(mixture.base)[name] + update, 1e-6)
