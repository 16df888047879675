#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python rivals of the trainers, one process each; bench_train.py starts them.

  published         the published expert step: policy, reference and score model forwarded on padded
                    batches, full logits (activation checkpointing left out: it only costs time)
  trl-dpo           TRL's DPOTrainer with the reference log-probs computed beforehand
  careful           packed sequences, log-probs of response tokens only, references beforehand
  published-router  policy with both experts and factored gates per token, its MLPs once more for the
                    regulariser, and the reference, on padded batches
  careful-router    the same on packed sequences: gates kept for the regulariser, references beforehand
  trainer-sft       transformers' Trainer, all weights
  trl-reward        TRL's RewardTrainer, all weights
  trainer-cost      transformers' Trainer with the loss of a cost model, all weights

Every step is one batch: forward, backward, clipping, AdamW. Protocol: load, warm up, print "ready",
wait for a line, train, print one JSON line. Needs the Python peers (setup.sh --peers).
"""
import argparse
import json
import resource
import time

import peft
import torch
import torch.nn.functional as F

from bench_trainers import BETA, LORA, TRAINERS, WARM_UP, load_policy, pad, wait_for_signal
from peer_models import ScoreModel


def load_batches(path, size):
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    pairs = [(row["prompt_ids"] + row["response_0_ids"], row["prompt_ids"] + row["response_1_ids"],
              len(row["prompt_ids"])) for row in rows]
    return [pairs[i:i + size] for i in range(0, len(pairs), size)]


def padded_sums(model, ids, mask, prompts):
    """Log-prob sums of the responses from all logits."""
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    log_probs = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    counted = mask[:, 1:].clone()
    for slot, prompt in enumerate(prompts):
        counted[slot, :prompt - 1] = 0
    return (log_probs * counted).float().sum(1)


def dpo(sums, references, margins=0.0):
    change = sums - references
    half = len(sums) // 2
    return -F.logsigmoid(BETA * (change[:half] - change[half:]) - margins).mean()


def sequences_of(batch):
    """Chosen sequences, then rejected ones, and their prompts' lengths."""
    return [pair[0] for pair in batch] + [pair[1] for pair in batch], [pair[2] for pair in batch] * 2


class PublishedExpert:
    def __init__(self, args, dtype):
        self.policy = peft.get_peft_model(load_policy(args.base, dtype), peft.LoraConfig(**LORA))
        self.reference = load_policy(args.base, dtype).eval()
        self.score = ScoreModel(args.score, dtype, "sdpa")

    def parameters(self):
        return [p for p in self.policy.parameters() if p.requires_grad]

    def loss(self, batch):
        sequences, prompts = sequences_of(batch)
        ids, mask = pad(sequences)
        with torch.no_grad():
            references = padded_sums(self.reference, ids, mask, prompts)
            hidden = self.score.hidden(input_ids=ids, attention_mask=mask)
            ends = mask.sum(1) - 1
            costs = self.score.head(hidden[torch.arange(len(ends)), ends])
        half = len(batch)
        margins = (costs[half:] - costs[:half]).clamp(min=0)
        return dpo(padded_sums(self.policy, ids, mask, prompts), references, margins)


def pack(sequences, prompts):
    """One row: ids, positions, rows whose logits are read, and their targets and sequences."""
    ids, positions, reads, targets, owners = [], [], [], [], []
    for owner, (sequence, prompt) in enumerate(zip(sequences, prompts)):
        start = len(ids)
        ids += sequence
        positions += range(len(sequence))
        reads += range(start + prompt - 1, start + len(sequence) - 1)
        targets += sequence[prompt:]
        owners += [owner] * (len(sequence) - prompt)
    return [torch.tensor(values) for values in (ids, positions, reads, targets, owners)]


def packed_sums(model, trunk, head, batch):
    sequences, prompts = sequences_of(batch)
    ids, positions, reads, targets, owners = pack(sequences, prompts)
    hidden = trunk(input_ids=ids[None], position_ids=positions[None], use_cache=False)
    logits = head(hidden.last_hidden_state[0, reads])
    picked = logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0]
    return torch.zeros(len(sequences)).index_add(0, owners, picked)


class CarefulExpert:
    def __init__(self, args, dtype):
        self.policy = peft.get_peft_model(load_policy(args.base, dtype), peft.LoraConfig(**LORA))

    def parameters(self):
        return [p for p in self.policy.parameters() if p.requires_grad]

    def loss(self, batch):
        inner = self.policy.base_model.model
        return dpo(packed_sums(self.policy, inner.model, inner.lm_head, batch),
                   torch.zeros(2 * len(batch)))


class Gate(torch.nn.Module):
    def __init__(self, inner, width=512):
        super().__init__()
        self.maps = torch.nn.Sequential(torch.nn.Linear(inner, width), torch.nn.Linear(width, inner),
                                        torch.nn.Linear(inner, 1))

    def forward(self, h):
        return torch.sigmoid(self.maps(h))


class MixtureMlp(torch.nn.Module):
    """A layer's MLP with both experts on its down projection."""

    def __init__(self, mlp, keeps_gates):
        super().__init__()
        self.mlp, self.keeps_gates, self.input, self.gates = mlp, keeps_gates, None, None
        outer, inner = mlp.down_proj.weight.shape
        dtype = mlp.down_proj.weight.dtype
        self.alpha, self.beta = Gate(inner).to(dtype), Gate(inner).to(dtype)
        factors = [torch.randn(16, inner) * 0.02, torch.randn(outer, 16) * 0.02] * 2
        self.factors = torch.nn.ParameterList(
            torch.nn.Parameter(factor.to(dtype), requires_grad=False) for factor in factors)

    def mix(self, x):
        h = self.mlp.act_fn(self.mlp.gate_proj(x)) * self.mlp.up_proj(x)
        alpha, beta = self.alpha(h), self.beta(h)
        a, b, c, d = self.factors
        out = self.mlp.down_proj(h) + 2 * alpha * F.linear(F.linear(h, a), b)
        return out + 2 * beta * F.linear(F.linear(h, c), d), alpha, beta

    def forward(self, x):
        self.input = x
        out, alpha, beta = self.mix(x)
        if self.keeps_gates:
            self.gates = alpha, beta
        return out

    def penalty(self):
        alpha, beta = self.gates if self.keeps_gates else self.mix(self.input)[1:]
        return alpha.float().abs().mean() + (beta.float() - 1).abs().mean()


class Router:
    def __init__(self, args, dtype, is_careful):
        self.is_careful = is_careful
        self.policy = load_policy(args.base, dtype).requires_grad_(False)
        self.layers = []
        for layer in self.policy.model.layers:
            layer.mlp = MixtureMlp(layer.mlp, is_careful)
            self.layers.append(layer.mlp)
        if not is_careful:
            self.reference = load_policy(args.base, dtype).eval()

    def parameters(self):
        return [p for p in self.policy.parameters() if p.requires_grad]

    def loss(self, batch):
        if self.is_careful:
            sums = packed_sums(self.policy, self.policy.model, self.policy.lm_head, batch)
            references = torch.zeros(2 * len(batch))
        else:
            sequences, prompts = sequences_of(batch)
            ids, mask = pad(sequences)
            with torch.no_grad():
                references = padded_sums(self.reference, ids, mask, prompts)
            sums = padded_sums(self.policy, ids, mask, prompts)
        return dpo(sums, references) + sum(mlp.penalty() for mlp in self.layers) / len(self.layers)


CONTESTANTS = {
    "published": PublishedExpert, "careful": CarefulExpert,
    "published-router": lambda args, dtype: Router(args, dtype, False),
    "careful-router": lambda args, dtype: Router(args, dtype, True),
}


def train(contestant, optimizer, batches):
    for batch in batches:
        loss = contestant.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(contestant.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def run_loop(args, dtype, batches):
    contestant = CONTESTANTS[args.kind](args, dtype)
    optimizer = torch.optim.AdamW(contestant.parameters(), lr=2e-5, betas=(0.9, 0.95), fused=True,
                                  weight_decay=0.0)
    train(contestant, optimizer, batches[:WARM_UP])
    wait_for_signal()
    start = time.perf_counter()
    train(contestant, optimizer, batches[WARM_UP:])
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*CONTESTANTS, *TRAINERS])
    parser.add_argument("--base", required=True)
    parser.add_argument("--score", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", default="/tmp")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    batches = load_batches(args.data, args.batch_size)
    run = TRAINERS.get(args.kind, run_loop)
    seconds = run(args, getattr(torch, args.dtype), batches)
    timed = batches[WARM_UP:]
    sequences = [sequence for batch in timed for sequence in
                 ([pair[0] for pair in batch] if args.kind == "trainer-sft"
                  else sequences_of(batch)[0])]
    print(json.dumps({"items": sum(map(len, timed)), "tokens": sum(map(len, sequences)),
                      "seconds": seconds,
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
