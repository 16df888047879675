# SPDX-License-Identifier: Apache-2.0
"""What our writers write, read by safetensors, transformers and peft."""
import json
import random
import subprocess

import peft
import pytest
import torch
import transformers
from peer_models import ScoreModel, load_tensors
from safetensors.torch import save_file

from checkpoint_probe import PROBE, ask
from test_checkpoint_weights import random_tensor

IDS = torch.tensor([[1, 5, 9, 40, 7, 2]])


def write(kind, source, folder, *more):
    """Reads `source` and writes it into `folder` with our writers."""
    result = subprocess.run([PROBE.parent / "writer_probe", kind, source, folder,
                             *(str(word) for word in more)],
                            capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    return folder


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager").eval()


@torch.inference_mode()
def logits(model):
    return model(input_ids=IDS).logits


@pytest.mark.parametrize("seed", range(8))
def test_files_are_those_of_safetensors_byte_for_byte(tmp_path, seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    tensors = {f"\u00e9\"{i}.{rng.random()}\n": random_tensor(rng)
               for i in range(rng.randint(0, 30))}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    write("tensors", tmp_path / "x.safetensors", tmp_path, 10**9)
    assert (tmp_path / "model.safetensors").read_bytes() == \
        (tmp_path / "x.safetensors").read_bytes()


def test_shards_and_index_are_those_of_transformers(tmp_path, model_folders):
    base = model_folders("--models", "base") / "base"
    write("tensors", base / "model.safetensors", tmp_path, 200_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    tensors = load_tensors(base)
    assert set(index["weight_map"]) == set(tensors)
    assert index["metadata"] == {
        "total_size": sum(t.numel() * t.element_size() for t in tensors.values()),
        "total_parameters": sum(t.numel() for t in tensors.values())}
    assert len(set(index["weight_map"].values())) > 2
    (tmp_path / "config.json").write_text((base / "config.json").read_text())
    assert torch.equal(logits(load(tmp_path)), logits(load(base)))


@pytest.mark.parametrize("arch", ["llama", "llama-bias", "qwen2", "qwen3", "mistral"])
def test_models_load_in_transformers(tmp_path, model_folders, arch):
    base = model_folders("--arch", arch, "--models", "base") / "base"
    out = write("model", base, tmp_path / "out")
    assert torch.equal(logits(load(out)), logits(load(base)))
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    text = "Two words, </s> and more"
    assert tokenizer(text).input_ids == \
        transformers.AutoTokenizer.from_pretrained(base)(text).input_ids


def test_score_models_keep_head_and_normalizer(tmp_path, model_folders):
    cost = model_folders("--models", "cost") / "cost"
    out = write("score", cost, tmp_path / "out")
    assert ScoreModel(out).score(IDS[0].tolist()) == ScoreModel(cost).score(IDS[0].tolist())
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == ["LlamaForScore"]
    assert config["score_type"] == "cost"
    assert config["score_bias"] is True
    assert config["do_normalize"] is True
    assert config["normalizer_type"] == "ExponentialMovingAverage"
    tensors = load_tensors(out)
    assert tensors["normalizer.mean"].tolist() == [0.5]
    assert tensors["normalizer.var"].tolist() == [4.0]
    assert tensors["normalizer.count"].dtype == torch.int64


def test_adapters_load_in_peft(tmp_path, model_folders):
    base = model_folders("--models", "base") / "base"
    options = peft.LoraConfig(r=4, lora_alpha=6, target_modules=["down_proj", "q_proj"],
                              task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = peft.get_peft_model(load(base), options).eval()
    adapted.save_pretrained(tmp_path / "theirs")
    ours = write("adapter", tmp_path / "theirs", tmp_path / "ours")
    loaded = peft.PeftModel.from_pretrained(load(base), ours).eval()
    assert not torch.equal(logits(load(base)), logits(adapted))
    assert torch.equal(logits(loaded), logits(adapted))
    assert ask("tensors", ours / "adapter_model.safetensors") == \
        ask("tensors", tmp_path / "theirs" / "adapter_model.safetensors")


def test_adapter_configs_say_nothing_that_peft_does_not(tmp_path, model_folders):
    base = model_folders("--models", "base") / "base"
    options = peft.LoraConfig(r=4, lora_alpha=6, target_modules=["down_proj"],
                              task_type="CAUSAL_LM", init_lora_weights=False)
    peft.get_peft_model(load(base), options).save_pretrained(tmp_path / "theirs")
    ours = write("adapter", tmp_path / "theirs", tmp_path / "ours")
    written = json.loads((ours / "adapter_config.json").read_text())
    theirs = json.loads((tmp_path / "theirs" / "adapter_config.json").read_text())
    theirs["init_lora_weights"] = True  # how the weights began is not read back
    assert written == {key: theirs[key] for key in written}
