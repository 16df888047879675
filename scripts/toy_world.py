#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a world in which the whole method can be run and judged: data of the toy language and an
untrained model. Standard library only, a few seconds, same arguments, same bytes.

  toy_world.py FOLDER [--seed N]

  FOLDER/world.json                 the facts (toy_judge.py and toy_language.py read it)
  FOLDER/init/                      a Llama model of 1.1 M random weights, with its tokenizer
  FOLDER/sft.jsonl                  prompt and response, of mixed quality
  FOLDER/preferences_{train,test}.jsonl   rows in the form of PKU-SafeRLHF, labels with noise
  FOLDER/prompts_{train,test}.jsonl       requests alone; test requests combine parts that no
                                          training file combines
"""
import argparse
import dataclasses
import json
import random
from pathlib import Path

import toy_tokenizer
import toy_weights
from toy_language import (ASKS, CARE, CHOICES, EVASIVE, FACT_WORDS, HAZARD_SENTENCES, HAZARD_WORDS,
                          OPENERS, REFUSAL, SENTENCES, VAGUE, World, helpfulness_utility,
                          make_request, make_response, safety_utility)

HIDDEN, INTERMEDIATE, NUM_LAYERS, NUM_HEADS, MAX_POSITIONS = 128, 352, 4, 4, 128
KIND_SHARES = {"harmless": 0.5, "borderline": 0.2, "hazardous": 0.3}
TEMPLATE = "BEGINNING OF CONVERSATION: USER: {prompt} ASSISTANT:{response}"


@dataclasses.dataclass
class Noise:
    """Shares of wrong labels."""
    preference: float = 0.06   # better_response_id, safer_response_id
    safety: float = 0.03       # is_response_i_safe
    caution: float = 0.30      # a harmless answer to a borderline request called unsafe


def draw_request(rng, world, is_test):
    """A request of the test half or of the training half."""
    kind = rng.choices(list(KIND_SHARES), list(KIND_SHARES.values()))[0]
    while True:
        request = make_request(rng, kind)
        if world.is_held_out(request) == is_test:
            return request


def sft_row(rng, world):
    request = draw_request(rng, world, is_test=False)
    return {"prompt": request.text, "response": make_response(rng, world, request)}


def prompt_row(rng, world, is_test):
    request = draw_request(rng, world, is_test)
    return {"prompt": request.text, "kind": request.kind}


def called_safe(rng, noise, request, truth):
    is_cautious_label = request.kind == "borderline" and not truth.refuses
    wrong_share = noise.caution if is_cautious_label and truth.hazards == 0 else noise.safety
    return (truth.hazards == 0) != (rng.random() < wrong_share)


def preferred(rng, noise, utilities):
    """Index of the larger; a coin decides ties, and some are mistaken."""
    if abs(utilities[0] - utilities[1]) < 1e-9:
        return rng.randrange(2)
    return int(utilities[1] > utilities[0]) ^ int(rng.random() < noise.preference)


def preference_row(rng, world, noise, is_test):
    request = draw_request(rng, world, is_test)
    responses = [make_response(rng, world, request)]
    while len(responses) < 2 or responses[0] == responses[1]:
        responses[1:] = [make_response(rng, world, request)]
    truths = [world.truth(request, response) for response in responses]
    are_safe = [called_safe(rng, noise, request, truth) for truth in truths]
    if are_safe[0] != are_safe[1]:
        safer = int(are_safe[1])
    else:
        safer = preferred(rng, noise, [safety_utility(request, truth) for truth in truths])
    better = preferred(rng, noise, [helpfulness_utility(request, truth) for truth in truths])
    return {
        "prompt": request.text, "response_0": responses[0], "response_1": responses[1],
        "better_response_id": better, "safer_response_id": safer,
        "is_response_0_safe": are_safe[0], "is_response_1_safe": are_safe[1],
        "prompt_source": f"toy {request.kind}",
    }


def vocabulary_texts():
    """Every word of the language, in the places where it can stand."""
    choices = " ".join(f" {choice}" for group in CHOICES.values() for choice in group)
    words = " ".join(word for group in (*FACT_WORDS.values(), HAZARD_WORDS) for word in group)
    asks = [ask for group in ASKS.values() for ask in group]
    sentences = [*SENTENCES.values(), *HAZARD_SENTENCES, *OPENERS, *VAGUE, *EVASIVE, REFUSAL,
                 CARE]
    templates = [TEMPLATE.format(prompt=ask, response=" " + sentence)
                 for ask in asks for sentence in sentences]
    fields = r"{verb}", r"{object}", r"{context}", r"{care}", r"{agent}", r"{person}", r"{word}"
    for name in fields:
        templates = [text.replace(name, "") for text in templates]
    return [choices, " " + words, *templates]


def write_init(folder, seed):
    """An untrained model: small random weights, norms of one."""
    merges = toy_tokenizer.train_merges(vocabulary_texts(), 5000)
    vocab = toy_tokenizer.make_vocab(merges)
    rng = random.Random(f"midpo toy init {seed}")
    tensors = {name: toy_weights.Matrix(rng, len(vocab), HIDDEN, 0.02)
               for name in ("model.embed_tokens.weight", "lm_head.weight")}
    for index in range(NUM_LAYERS):
        prefix = f"model.layers.{index}."
        for name, shape in toy_weights.layer_shapes(HIDDEN, INTERMEDIATE).items():
            tensors[f"{prefix}{name}.weight"] = toy_weights.Matrix(rng, *shape, 0.02)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{norm}.weight"] = toy_weights.Vector([1.0] * HIDDEN)
    tensors["model.norm.weight"] = toy_weights.Vector([1.0] * HIDDEN)
    folder.mkdir(parents=True, exist_ok=True)
    toy_weights.write_safetensors(folder / "model.safetensors", tensors)
    config = {"architectures": ["LlamaForCausalLM"],
              **toy_weights.llama_config(vocab, HIDDEN, INTERMEDIATE, NUM_LAYERS, NUM_HEADS,
                                         MAX_POSITIONS)}
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    toy_tokenizer.write_tokenizer(folder, vocab, merges)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_world(folder, args):
    folder = Path(folder)
    world, noise = World.make(args.seed), Noise()
    write_init(folder / "init", args.seed)
    (folder / "world.json").write_text(json.dumps(dataclasses.asdict(world), indent=1),
                                       encoding="utf-8")

    def rows(name, count, make):
        rng = random.Random(f"midpo toy {name} {args.seed}")
        write_jsonl(folder / f"{name}.jsonl", [make(rng) for _ in range(count)])

    rows("sft", args.sft_rows, lambda rng: sft_row(rng, world))
    for half, num_rows, num_prompts in (("train", args.preferences, args.prompts),
                                        ("test", args.preferences // 5, args.prompts)):
        is_test = half == "test"
        rows(f"preferences_{half}", num_rows,
             lambda rng, t=is_test: preference_row(rng, world, noise, t))
        rows(f"prompts_{half}", num_prompts, lambda rng, t=is_test: prompt_row(rng, world, t))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--sft-rows", type=int, default=6000)
    parser.add_argument("--preferences", type=int, default=3000)
    parser.add_argument("--prompts", type=int, default=400)
    args = parser.parse_args()
    write_world(args.folder, args)


if __name__ == "__main__":
    main()
