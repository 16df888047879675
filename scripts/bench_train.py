#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainers beside their Python rivals: same models, same token rows, interleaved repeats.

  bench_train.py --out build/bench_train                 all sizes and dtypes, about 40 minutes
  bench_train.py --out build/bench_train --size small --dtype bfloat16 --repeats 3

Rivals are what bench_train_peers.py says; each runs with two threads on one process. Items are
pairs (SFT: sequences), tokens are real ones, without padding. Rivals' rates are
steady-state, after loading and warming up. midpo is timed
twice: its steps (from metrics.jsonl), and whole: three epochs of the command from start to end,
loading, tokenising, scoring and reference log-probs included. Writes measurements.jsonl and
table.md. Needs the Python peers (setup.sh --peers).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import toy_data

HERE = Path(__file__).resolve().parent
RIVALS = {"expert": ("published", "trl-dpo", "careful"),
          "router": ("published-router", "careful-router"),
          "sft": ("trainer-sft",), "reward": ("trl-reward",), "cost": ("trainer-cost",)}
BATCH = {"expert": 4, "router": 4, "sft": 4, "reward": 16, "cost": 16}
EPOCHS = 3
LEARNING_RATE = 2e-5  # the rivals' too


class Case:
    """One size and dtype: its models, its rows, its results."""

    def __init__(self, args, size, dtype):
        self.args, self.size, self.dtype = args, size, dtype
        self.work = Path(args.out) / size
        self.models = self.work / "models"
        self.work.mkdir(parents=True, exist_ok=True)
        if not (self.models / "base" / "model.safetensors").exists():
            subprocess.run([sys.executable, HERE / "make_fixtures.py", self.models, "--size", size,
                            "--models", "reward", "cost", "base"], check=True)
        self.results = []

    def rows(self, num_rows):
        """Every pair has one safe response, the better one."""
        path = self.work / f"rows{num_rows}.jsonl"
        labels = {"better_response_id": 0, "safer_response_id": 0, "is_response_0_safe": True,
                  "is_response_1_safe": False}
        with open(path, "w", encoding="utf-8") as out:
            toy_data.write_rows(out, ({**row, **labels}
                                      for row in toy_data.token_rows(num_rows, 5, 8000)))
        return path

    def sft_rows(self, pairs):
        path = self.work / "sft.jsonl"
        with open(path, "w", encoding="utf-8") as out:
            for line in open(pairs, encoding="utf-8"):
                row = json.loads(line)
                out.write(json.dumps({"prompt_ids": row["prompt_ids"],
                                      "response_0_ids": row["response_0_ids"]}) + "\n")
        return path

    def record(self, job, contestant, repeat, **values):
        result = {"size": self.size, "dtype": self.dtype, "job": job, "contestant": contestant,
                  "repeat": repeat, **values}
        self.results.append(result)
        print(json.dumps(result), flush=True)
        with open(Path(self.args.out) / "measurements.jsonl", "a", encoding="utf-8") as out:
            out.write(json.dumps(result) + "\n")


def run_rival(case, job, kind, rows):
    process = subprocess.Popen(
        [sys.executable, HERE / "bench_train_peers.py", kind, "--base", case.models / "base",
         "--score", case.models / "cost", "--data", rows, "--dtype", case.dtype,
         "--batch-size", str(BATCH[job]), "--work", case.work / "trl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    while line and line != "ready\n":
        line = process.stdout.readline()
    assert line, f"{kind} failed"
    process.stdin.write("go\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.read().strip().splitlines()[-1])
    process.wait()
    return {"items_per_s": answer["items"] / answer["seconds"],
            "tokens_per_s": answer["tokens"] / answer["seconds"], "peak_mib": answer["peak_mib"]}


def midpo_command(case, job, rows, output, ranks):
    base = ["--model", case.models / "base", "--output", output, "--dtype", case.dtype,
            "--epochs", str(EPOCHS), "--batch-size", str(BATCH[job]), "--save-steps", "100000",
            "--learning-rate", str(LEARNING_RATE), "--ranks", str(ranks)]
    experts = case.work / f"experts-{case.dtype}" / "expert"
    extra = {
        "expert": ["expert", "--kind", "safety", "--cost-model", case.models / "cost",
                   "--data", rows],
        "router": ["router", "--safety-adapter", experts, "--helpfulness-adapter", experts,
                   "--data", rows],
        "sft": ["sft", "--gradient-accumulation", "1", "--data", rows],
        "reward": ["reward", "--data", rows],
        "cost": ["cost", "--data", rows],
    }[job]
    return [case.args.midpo, *extra, *base]


def step_rate(metrics, items):
    """Items a second between the first step's end and the last's."""
    steps = [json.loads(line) for line in open(metrics, encoding="utf-8")]
    steps = [step for step in steps if "loss" in step]
    return items * (len(steps) - 1) / (steps[-1]["time"] - steps[0]["time"])


def tokens_per_item(job, rows):
    """Tokens of a row's sequences: prompts of pairs count twice, as in the rivals' batches."""
    names = ["response_0_ids"] if job == "sft" else ["response_0_ids", "response_1_ids"]
    parsed = [json.loads(line) for line in open(rows, encoding="utf-8")]
    return statistics.mean(sum(len(row["prompt_ids"]) + len(row[name]) for name in names)
                           for row in parsed)


def run_midpo(case, job, rows, num_rows, ranks=1):
    output = case.work / "out" / job
    shutil.rmtree(output.parent, ignore_errors=True)
    output.parent.mkdir(parents=True)
    start = time.perf_counter()
    process = subprocess.Popen(midpo_command(case, job, rows, output, ranks), text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, errors
    seconds = time.perf_counter() - start
    run = output.with_name(output.name + ".run")
    metrics = next(run.rglob("metrics.jsonl"))
    rate = step_rate(metrics, BATCH[job])
    if job == "expert" and ranks == 1:
        kept = case.work / f"experts-{case.dtype}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(output.parent, kept)
    return {"items_per_s": rate, "tokens_per_s": rate * tokens_per_item(job, rows),
            "whole_items_per_s": EPOCHS * num_rows / seconds, "peak_mib": usage.ru_maxrss / 1024}


def run_case(case):
    args = case.args
    for job in args.job:
        num_rows = args.batches * BATCH[job]
        rows = case.rows(num_rows)
        for repeat in range(args.repeats):
            for kind in RIVALS[job]:
                case.record(job, kind, repeat, **run_rival(case, job, kind, rows))
            own = case.sft_rows(rows) if job == "sft" else rows
            case.record(job, "midpo", repeat, **run_midpo(case, job, own, num_rows))
            if args.ranks > 1:
                case.record(job, in_ranks(args), repeat,
                            **run_midpo(case, job, own, num_rows, args.ranks))


def in_ranks(args):
    return f"midpo, {args.ranks} ranks"


def spread(values, digits=1):
    return " / ".join(f"{f(values):.{digits}f}" for f in (min, statistics.median, max))


def table(case):
    lines = ["| job | contestant | items/s | tokens/s | whole | midpo's steps are x times | "
             "peak MiB |", "|---|---|---|---|---|---|---|"]
    for job in case.args.job:
        mine = [r for r in case.results if r["job"] == job]
        ours = [r["tokens_per_s"] for r in mine if r["contestant"] == "midpo"]
        for contestant in dict.fromkeys(r["contestant"] for r in mine):
            results = [r for r in mine if r["contestant"] == contestant]
            rates = [r["items_per_s"] for r in results]
            tokens = [r["tokens_per_s"] for r in results]
            whole = [r["whole_items_per_s"] for r in results if "whole_items_per_s" in r]
            # By real tokens, so that differing rows of the timed steps do not count.
            is_rival = contestant != "midpo"
            ratios = [own / rate for own, rate in zip(ours, tokens) if is_rival]
            peak = max(r["peak_mib"] for r in results)
            lines.append(f"| {job} | {contestant} | {spread(rates)} | {spread(tokens, 0)} | "
                         f"{spread(whole) if whole else ''} | "
                         f"{spread(ratios, 2) if ratios else ''} | {peak:.0f} |")
    return f"\n{case.size}, {case.dtype}\n\n" + "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--midpo", default=HERE.parent / "build" / "release" / "midpo")
    parser.add_argument("--size", nargs="+", default=["small", "medium"])
    parser.add_argument("--dtype", nargs="+", default=["bfloat16", "float32"])
    parser.add_argument("--job", nargs="+", default=list(RIVALS))
    parser.add_argument("--batches", type=int, default=12, help="per run and contestant")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ranks", type=int, default=1,
                        help="also midpo in so many processes (peak memory: of the largest)")
    args = parser.parse_args()
    tables = []
    for size in args.size:
        for dtype in args.dtype:
            case = Case(args, size, dtype)
            run_case(case)
            tables.append(table(case))
            print(tables[-1], flush=True)
    (Path(args.out) / "table.md").write_text("\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
