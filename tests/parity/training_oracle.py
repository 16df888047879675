# SPDX-License-Identifier: Apache-2.0
"""The trainers' losses written plainly on transformers and peft, one sequence at a time."""
import json
import os
import subprocess
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MIDPO_BUILD_DIR", "build/release")
LORA_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def learn(model, **request):
    """learner_probe's answer."""
    result = subprocess.run([BUILD / "learner_probe"], capture_output=True, text=True, timeout=300,
                            input=json.dumps({"model": str(model), **request}))
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def first_difference(a, b):
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    return shared


def token_log_probs(model, ids):
    """[len - 1]: of ids[1:]."""
    logits = model(torch.tensor([ids]), use_cache=False).logits[0, :-1]
    return logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def pair_difference(model, row, is_mean):
    """d_w - d_l."""
    first = max(1, first_difference(*row["sequences"]))
    total = 0.0
    references = (row["reference_chosen"], row["reference_rejected"])
    for sign, ids, reference in zip((1, -1), row["sequences"], references):
        counted = token_log_probs(model, ids)[first - 1:]
        change = counted.sum() - reference
        total = total + sign * (change / len(counted) if is_mean else change)
    return total


def pair_loss(model, rows, kind="sigmoid", beta=0.1, scale=None, label_smoothing=0.0):
    losses = []
    for row in rows:
        difference = pair_difference(model, row, kind == "ipo")
        u = (scale or beta) * difference + row.get("offset", 0.0)
        losses.append({
            "sigmoid": lambda: -F.logsigmoid(u),
            "ipo": lambda: (difference - 1 / (2 * beta)) ** 2,
            "hinge": lambda: torch.relu(1 - u),
            "robust": lambda: (-(1 - label_smoothing) * F.logsigmoid(u)
                               + label_smoothing * F.logsigmoid(-u)) / (1 - 2 * label_smoothing),
        }[kind]())
    return torch.stack(losses).mean()


def sft_loss(model, rows):
    picked = []
    for row in rows:
        log_probs = token_log_probs(model, row["sequences"][0])
        for begin, end in row["trained"]:
            picked.append(log_probs[begin - 1:end - 1])
    return -torch.cat(picked).mean()


class ScoreOracle(torch.nn.Module):
    def __init__(self, folder):
        super().__init__()
        tensors = load_file(Path(folder) / "model.safetensors")
        config = transformers.AutoConfig.from_pretrained(folder)
        self.model = transformers.AutoModel.from_config(config)
        self.model.load_state_dict({name[len("model."):]: value for name, value in tensors.items()
                                    if name.startswith("model.")})
        self.score_head = torch.nn.Linear(config.hidden_size, 1)
        self.score_head.load_state_dict({"weight": tensors["score_head.weight"],
                                         "bias": tensors["score_head.bias"]})

    def scores(self, ids):
        hidden = self.model(torch.tensor([ids]), use_cache=False).last_hidden_state[0]
        return self.score_head(hidden)[:, 0]


def score_loss(oracle, rows, is_cost, is_token_wise, regularizer=0.001):
    losses = []
    for row in rows:
        first, second = (oracle.scores(ids) for ids in row["sequences"])
        if is_token_wise:
            begin = first_difference(*row["sequences"])
            end = min(len(first), len(second))
            first, second = first[begin:end], second[begin:end]
        else:
            first, second = first[-1:], second[-1:]
        loss = -F.logsigmoid(first - second)
        if is_cost:
            signs = [1 if row[key] else -1 for key in ("is_first_unsafe", "is_second_unsafe")]
            loss = loss - F.logsigmoid(signs[0] * first) - F.logsigmoid(signs[1] * second)
        loss = loss + regularizer * (first.square() + second.square()) / 2
        losses.append(loss.mean())
    return torch.stack(losses).mean()


class Mixture:
    """Base model whose down projections add both experts, weighed by factored gates."""

    def __init__(self, base, safety, helpfulness, router, scale):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(base).eval()
        self.model.requires_grad_(False)
        self.router = {name: value.clone().requires_grad_() for name, value
                       in load_file(Path(router) / "router.safetensors").items()}
        self.gates = []
        self.is_mixed = True
        experts = [load_file(Path(folder) / "adapter_model.safetensors")
                   for folder in (safety, helpfulness)]
        for index, layer in enumerate(self.model.model.layers):
            prefix = f"base_model.model.model.layers.{index}.mlp.down_proj.lora_"
            factors = [(expert[prefix + "A.weight"], expert[prefix + "B.weight"])
                       for expert in experts]
            layer.mlp.down_proj.register_forward_hook(self.hook(index, factors, scale))

    def hook(self, index, factors, scale):
        def add(module, inputs, output):
            h = inputs[0]
            for name, (a, b) in zip(("alpha", "beta"), factors):
                gate = self.gate(index, name, h)
                self.gates.append((name, gate))
                if self.is_mixed:
                    output = output + gate * scale * F.linear(F.linear(h, a), b)
            return output
        return add

    def gate(self, index, name, h):
        for i in range(3):
            module_name = f"layers.{index}.{name}.{i}"
            h = F.linear(h, self.router[module_name + ".weight"],
                         self.router[module_name + ".bias"])
        return torch.sigmoid(h)

    def loss(self, rows, beta=0.1, regularizer=1.0):
        self.gates.clear()
        pairs = pair_loss(self.model, rows, beta=beta)
        terms = [gate.flatten() if name == "alpha" else (gate - 1).abs().flatten()
                 for name, gate in self.gates]
        # Both gates see every token of every layer: each term once a token and layer.
        count = sum(len(term) for term in terms) / 2
        return pairs + regularizer * torch.cat(terms).sum() / count


class PublishedMixture(Mixture):
    """The loss of the published router training: experts without their scale, padded batches with
    an attention mask, and gates regularised that each MLP would have on its layer's own input."""

    def __init__(self, base, safety, helpfulness, router):
        super().__init__(base, safety, helpfulness, router, scale=1.0)

    def sums(self, padded, lengths, differences):
        """Log-prob sums of tokens behind the first difference and, where there is padding, of one
        pad token; and the layers' inputs."""
        mask = torch.tensor([[int(t < length) for t in range(len(padded[0]))]
                             for length in lengths])
        ids = torch.tensor(padded)
        out = self.model(ids, attention_mask=mask, use_cache=False, output_hidden_states=True)
        log_probs = out.logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
        sums = [log_probs[i, first:length].sum()
                for i, (length, first) in enumerate(zip(lengths, differences))]
        return sums, out.hidden_states[:-1]

    def loss(self, rows, beta=0.1, regularizer=1.0):
        sequences = [ids for row in rows for ids in row["sequences"]]
        lengths = [len(ids) for ids in sequences]
        padded = [ids + [0] * (max(lengths) - len(ids)) for ids in sequences]
        differences = [first_difference(*row["sequences"]) for row in rows for _ in range(2)]
        policy, inputs = self.sums(padded, lengths, differences)
        with torch.no_grad():
            self.is_mixed = False
            reference, _ = self.sums(padded, lengths, differences)
            self.is_mixed = True
        change = torch.stack([p - r for p, r in zip(policy, reference)])
        terms = []
        for index, (layer, hidden) in enumerate(zip(self.model.model.layers, inputs)):
            h = layer.mlp.act_fn(layer.mlp.gate_proj(hidden)) * layer.mlp.up_proj(hidden)
            terms.append(self.gate(index, "alpha", h) + (self.gate(index, "beta", h) - 1).abs())
        offsets = torch.tensor([row.get("offset", 0.0) for row in rows])
        pairs = -F.logsigmoid(beta * (change[::2] - change[1::2]) + offsets).mean()
        return pairs + regularizer * torch.stack(terms).mean()
