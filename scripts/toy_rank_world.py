#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes all that a `midpo rank` needs without training, with the standard library alone.

  toy_rank_world.py FOLDER     writes FOLDER/reward and FOLDER/cost (Hugging Face directories) and
                          FOLDER/rows.jsonl

The two score models are Llama models with weights set by hand, not trained: the first layer's first
head looks for the words that count in toy_data.py and gathers what they stand for, the score head
adds it up. So the scores mean something, and D_dual can be checked against the rows' own labels.
"""
import argparse
import json
import random
from pathlib import Path

import toy_data
import toy_tokenizer
import toy_weights

HIDDEN, HEAD_DIM, NUM_HEADS, NUM_LAYERS, INTERMEDIATE = 32, 8, 4, 2, 64
NOISE = 0.02
# Where a token's embedding holds its meaning, and where the first layer writes what it gathered.
CONSTANT, HAZARD, CARE, STEP = 0, 1, 2, 3
GATHERED = 8
# A rotary pair that hardly turns over 2,048 positions: where a word stands does not matter.
STILL = HEAD_DIM // 2 - 1
HEADS = {
    "reward": {"weights": {STEP: 1.0, HAZARD: -0.2, CARE: 0.1}, "bias": -3.5},
    "cost": {"weights": {HAZARD: 1.2, CARE: -0.3}, "bias": -0.3},
}


def embeddings(rng, vocab):
    """A constant, what the word stands for, and noise."""
    meaning = {word: HAZARD for word in toy_data.HAZARD_WORDS}
    meaning.update({word: CARE for word in toy_data.CARE_WORDS})
    meaning.update({word: STEP for words in toy_data.TOPICS.values() for word in words})
    table = toy_weights.Matrix(rng, len(vocab), HIDDEN, 0.1)
    for token, i in vocab.items():
        table.set(i, CONSTANT, 1.0)
        feature = meaning.get(token.removeprefix("\u0120"))
        for column in (HAZARD, CARE, STEP):
            table.set(i, column, 1.0 if column == feature else 0.0)
    return table


def layer(rng, index):
    """Weights of one decoder layer: noise, but for the head that gathers the words that count."""
    shapes = toy_weights.layer_shapes(HIDDEN, INTERMEDIATE)
    weights = {name: toy_weights.Matrix(rng, *shape, NOISE) for name, shape in shapes.items()}
    if index == 0:
        weights["self_attn.q_proj"].set(STILL, CONSTANT, 1.0)
        for feature in (HAZARD, CARE, STEP):
            weights["self_attn.k_proj"].set(STILL, feature, 1.2)
            weights["self_attn.v_proj"].set(feature, feature, 1.0)
            weights["self_attn.o_proj"].set(GATHERED + feature, feature, 1.0)
    prefix = f"model.layers.{index}."
    named = {f"{prefix}{name}.weight": matrix for name, matrix in weights.items()}
    for norm in ("input_layernorm", "post_attention_layernorm"):
        named[f"{prefix}{norm}.weight"] = toy_weights.Vector([1.0] * HIDDEN)
    return named


def score_model(vocab, kind):
    """All tensors of one score model, by name."""
    rng = random.Random(f"midpo toy model {kind}")
    tensors = {"model.embed_tokens.weight": embeddings(rng, vocab)}
    for index in range(NUM_LAYERS):
        tensors.update(layer(rng, index))
    head = toy_weights.Matrix(rng, 1, HIDDEN, NOISE)
    for feature, weight in HEADS[kind]["weights"].items():
        head.set(0, GATHERED + feature, weight)
    tensors["model.norm.weight"] = toy_weights.Vector([1.0] * HIDDEN)
    tensors["score_head.weight"] = head
    tensors["score_head.bias"] = toy_weights.Vector([HEADS[kind]["bias"]])
    return tensors


def model_config(vocab, kind):
    """config.json as safe-rlhf writes it for a score model."""
    shared = toy_weights.llama_config(vocab, HIDDEN, INTERMEDIATE, NUM_LAYERS, NUM_HEADS, 2048)
    return {**shared, "architectures": ["LlamaForScore"], "score_type": kind, "score_bias": True,
            "score_dim": 1, "do_normalize": False, "normalizer_type": None}


def write_world(folder, num_rows, seed):
    merges = toy_tokenizer.train_merges(toy_data.toy_texts(300), 600)
    vocab = toy_tokenizer.make_vocab(merges)
    for kind in HEADS:
        target = Path(folder) / kind
        target.mkdir(parents=True, exist_ok=True)
        toy_weights.write_safetensors(target / "model.safetensors", score_model(vocab, kind))
        (target / "config.json").write_text(json.dumps(model_config(vocab, kind), indent=1))
        toy_tokenizer.write_tokenizer(target, vocab, merges)
    with open(Path(folder) / "rows.jsonl", "w", encoding="utf-8") as out:
        toy_data.write_rows(out, toy_data.pair_rows(num_rows, seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    write_world(args.folder, args.rows, args.seed)


if __name__ == "__main__":
    main()
