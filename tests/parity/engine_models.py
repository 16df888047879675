# SPDX-License-Identifier: Apache-2.0
"""Tiny random models, an independent score head, and engine_probe, for the parity tests."""
import json
import os
import subprocess
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

transformers.utils.logging.set_verbosity_error()
torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MIDPO_BUILD_DIR", "build/release")
VOCAB = 331
SIZES = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=176, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=512,
             rms_norm_eps=1e-5, initializer_range=0.15, tie_word_embeddings=False,
             bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=64)

ARCHITECTURES = {
    "llama_mha": ("Llama", {}),
    "llama_gqa": ("Llama", dict(num_key_value_heads=2, attention_bias=True, mlp_bias=True)),
    "llama_mqa_odd": ("Llama", dict(num_key_value_heads=1, head_dim=20, hidden_size=72,
                                    intermediate_size=101)),
    "llama3_rope": ("Llama", dict(rope_parameters=LLAMA3, num_key_value_heads=2)),
    "linear_rope": ("Llama", dict(rope_parameters=dict(rope_type="linear", rope_theta=10000.0,
                                                       factor=4.0))),
    "qwen2": ("Qwen2", dict(num_key_value_heads=2)),
    "qwen3": ("Qwen3", dict(num_key_value_heads=2, head_dim=32)),
    "mistral": ("Mistral", dict(num_key_value_heads=2, sliding_window=None)),
    "tied": ("Llama", dict(tie_word_embeddings=True)),
    "one_layer": ("Llama", dict(num_hidden_layers=1)),
}


def make_language_model(folder, name, seed=0):
    """Saves a random model of an architecture; norms and biases are random as well."""
    family, changes = ARCHITECTURES[name]
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **changes})
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.uniform_(0.5, 1.5)
            elif key.endswith("bias"):
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    return folder


def make_score_model(folder, name, seed=0, **score_keys):
    """As safe-rlhf writes them: trunk under model., score_head, normalizer state."""
    make_language_model(folder, name, seed)
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("lm_head.weight", None)
    hidden = tensors["model.norm.weight"].shape[0]
    generator = torch.Generator().manual_seed(seed + 1)
    tensors["score_head.weight"] = torch.randn(1, hidden, generator=generator) * 0.3
    tensors["score_head.bias"] = torch.randn(1, generator=generator)
    tensors["normalizer.mean"] = torch.tensor([0.7])
    tensors["normalizer.var"] = torch.tensor([2.3])
    tensors["normalizer.count"] = torch.tensor([3])
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    keys = dict(score_type="reward", score_bias=True, score_dim=1, do_normalize=False,
                normalizer_type="ExponentialMovingAverage", momentum=0.9)
    config.update(keys | score_keys, architectures=["LlamaForScore"])
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def make_classifier(folder, name, seed=0, **changes):
    """A reward model as TRL's RewardTrainer saves it: one label, no bias."""
    family, sizes = ARCHITECTURES[name]
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **sizes, "num_labels": 1,
                                                         **changes})
    model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    model.save_pretrained(folder)
    return model.eval()


class ScoreOracle:
    """Scores by transformers' trunk and a head of our own."""

    def __init__(self, folder, dtype=torch.float32):
        tensors = load_file(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())
        # The files' architecture is not one that transformers knows.
        trunk_config = transformers.AutoConfig.from_pretrained(folder)
        self.trunk = transformers.AutoModel.from_config(trunk_config).eval()
        self.trunk.load_state_dict({key[len("model."):]: value for key, value in tensors.items()
                                    if key.startswith("model.")})
        inverse_frequencies = self.trunk.rotary_emb.inv_freq.clone()
        self.trunk.to(dtype)
        self.trunk.rotary_emb.inv_freq = inverse_frequencies
        self.weight = tensors["score_head.weight"].to(dtype).float()
        self.bias = tensors["score_head.bias"].to(dtype).float()
        self.mean, self.var = tensors["normalizer.mean"], tensors["normalizer.var"]

    @torch.inference_mode()
    def score(self, ids):
        hidden = self.trunk(torch.tensor([ids]), use_cache=False).last_hidden_state[0, -1]
        score = hidden.float() @ self.weight[0] + self.bias
        if self.config.get("do_normalize"):
            std = self.var.sqrt() + 1e-8
            score = {"affine": (score - self.mean) / std, "scale": score / std,
                     "translate": score - self.mean,
                     "identity": score}[self.config["normalize_function"]]
        return score.item()


class LanguageOracle:
    def __init__(self, folder, dtype=torch.float32, adapter=None):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        if adapter:
            import peft
            self.model = peft.PeftModel.from_pretrained(self.model, adapter).eval()

    @torch.inference_mode()
    def log_probs(self, ids):
        logits = self.model(torch.tensor([ids]), use_cache=False).logits[0, :-1].float()
        return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()


def probe(model, kind, rows, *, may_fail=False, memory_kb=None, **more):
    """engine_probe's answer; memory_kb limits its address space."""
    request = dict(model=str(model), kind=kind, rows=rows, **more)
    limit = f"ulimit -v {memory_kb}; " if memory_kb else ""
    result = subprocess.run(["bash", "-c", f"{limit}exec {BUILD / 'engine_probe'}"],
                            input=json.dumps(request), capture_output=True, text=True)
    assert may_fail or result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def random_row(generator, lengths, shared):
    """Sequences of the given lengths whose first `shared` tokens agree."""
    def draw(count):
        return torch.randint(3, VOCAB, (count,), generator=generator).tolist()
    prefix = draw(shared)
    return [(prefix + draw(length))[:length] for length in lengths]


def mixed_rows(seed=5):
    """Lengths 1 to 512, pairs, triples and single sequences, long and no shared prefixes."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [((1,), 0), ((2,), 0), ((512,), 0), ((17, 17), 16), ((40, 90), 20), ((90, 40), 39),
              ((1, 5), 0), ((33, 64, 48), 31), ((128, 7), 6), ((300, 511), 250), ((16, 16), 15),
              ((15, 16), 3), ((5, 9), 0), ((64, 63), 1)]
    rows = [random_row(generator, lengths, shared) for lengths, shared in shapes]
    shorter = random_row(generator, (12,), 0)[0]
    return rows + [[shorter, shorter + [5, 6, 7]], [shorter, shorter]]
