# SPDX-License-Identifier: Apache-2.0
"""A toy world for online runs, and what such a run makes."""
import argparse
import json

import toy_world

NUM_ROUNDS = 6


def write(midpo, folder):
    """A base model that writes, score models that see every answer as safe, prompts, experts."""
    toy_world.write_world(folder, argparse.Namespace(seed=6, sft_rows=200, preferences=40,
                                                     prompts=24))
    midpo.run_ok("sft", "--model", folder / "init", "--data", folder / "sft.jsonl", "--output",
                 folder / "sft", "--dtype", "float32", "--epochs", 2, "--batch-size", 16,
                 "--learning-rate", "2e-3")
    short = ("--model", folder / "sft", "--data", folder / "preferences_train.jsonl", "--max-steps",
             6, "--batch-size", 8, "--learning-rate", "1e-3", "--dtype", "float32")
    for name in ("reward", "cost"):
        midpo.run_ok(name, *short, "--output", folder / name)
    midpo.run_ok("expert", "--kind", "both", *short, "--reward-model", folder / "reward",
                 "--cost-model", folder / "cost", "--output", folder / "experts")
    return folder


def arguments(toy, output, *more):
    return ("run", "--mode", "online", "--model", toy / "sft", "--reward-model", toy / "reward",
            "--cost-model", toy / "cost", "--data", toy / "prompts_test.jsonl", "--output", output,
            "--dtype", "float32", "--max-length", 96, "--policy", "dual", "--online.batch-size", 8,
            "--online.max-steps", NUM_ROUNDS, "--online.learning-rate", "5e-3",
            "--online.warmup-ratio", 0, "--online.save-steps", 2, "--generation.num-samples", 3,
            "--generation.max-new-tokens", 24, *more)


def router_arguments(toy):
    return ("--online.learner", "router", "--online.safety-adapter", toy / "experts/safety",
            "--online.helpfulness-adapter", toy / "experts/helpfulness", "--online.gate-width", 8)


def result_of(output):
    """Everything a run makes but its times: rounds, metrics, weights."""
    rounds = [(output / f"state/rounds/round-{i}.jsonl").read_text() for i in range(NUM_ROUNDS)]
    metrics = [{k: v for k, v in json.loads(line).items() if k != "time"}
               for line in (output / "state/metrics.jsonl").read_text().splitlines()]
    weights = sorted((output / "policy").glob("*.safetensors"))[0].read_bytes()
    return rounds, metrics, weights


def check_last_round_by_hand(midpo, toy, output):
    """Its prompts again, with the weights that its lines name, which a run without checkpoints on
    its way has kept: the same text."""
    step = NUM_ROUNDS - 1
    lines = midpo.read_jsonl(output / f"state/rounds/round-{step}.jsonl")
    weights = output / f"state/weights/version-{lines[0]['policy_version']}"
    by_hand = output.with_name(output.name + "-by-hand.jsonl")
    midpo.run_ok("generate", "--model", toy / "sft", "--adapter", weights, "--data",
                 toy / "prompts_test.jsonl", "--output", by_hand, "--dtype", "float32",
                 "--max-length", 96, "--num-samples", 3, "--max-new-tokens", 24, "--temperature", 1,
                 "--seed", 42 + step)
    written = [(line["prompt"], line["responses"], line["model"])
               for line in midpo.read_jsonl(by_hand)]
    assert lines
    for line in lines:
        assert (line["prompt"], line["responses"], line["model"]) in written
