#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How close an overlapped run comes to the fastest that any schedule could be.

    scripts/bench_overlap.py [--devices 3,6,12,...] [--repeats N] [--seconds S] [--json FILE]

`midpo run` with engines that only take time (tests/support/stub_pipeline.cpp): each scorer is a
device of its own that sleeps for every row, each learner one that sleeps in every step. So that two
cores are enough for many devices. Scoring takes S / 3, each expert S, the router S / 6 when run alone,
whatever the number of devices: about what the real models take. Prints, for each number of scorer devices, the run stage
after stage, the overlapped run, the critical path of both (runtime/flow/critical_path.h, computed
by the program from the times it measures at its start), and their ratio. --following adds the run
whose router follows the experts' versions (router.start), of which only the last part comes behind
their end.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROWS, BATCH, EPOCHS, MODELS = 3072, 32, 3, 3


def write_inputs(folder):
    rng = random.Random(1)
    with open(folder / "rows.jsonl", "w", encoding="utf-8") as out:
        for i in range(ROWS):
            safer = rng.randrange(2)
            is_pair_safe = i % 2 == 0
            row = {"prompt_ids": [1000 + i % 97, i % 89], "better_response_id": safer,
                   "safer_response_id": safer,
                   "is_response_0_safe": is_pair_safe or safer == 0,
                   "is_response_1_safe": is_pair_safe or safer == 1}
            for k in (0, 1):
                row[f"response_{k}_ids"] = [1 + k] + [rng.randrange(500) for _ in range(14)]
            out.write(json.dumps(row) + "\n")
    for name in ("base", "reward", "cost"):
        (folder / name).mkdir()


def run(program, folder, output, devices, seconds, *more):
    steps = ROWS * EPOCHS // BATCH
    row_us = round(1e6 * seconds / 3 * devices / (ROWS * MODELS))
    step_us = round(1e6 * seconds / steps)
    command = [program, "--data", folder / "rows.jsonl", "--model", folder / "base",
               "--reward-model", folder / "reward", "--cost-model", folder / "cost", "--policy",
               "labels", "--output", output, "--row-us", row_us, "--step-us", step_us,
               "--scorers", devices // MODELS, "--stub-tile-tokens", 128, "--expert.batch-size", BATCH,
               "--expert.max-steps", steps, "--router.batch-size", BATCH, "--router.max-steps",
               steps // 6, "--router.save-steps", 0, "--expert.save-steps", 0, *more]
    start = time.perf_counter()
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False)
    wall = time.perf_counter() - start
    if result.returncode:
        sys.exit(result.stderr)
    figures = {"wall": wall}
    router = seconds / 6
    for line in result.stdout.splitlines():
        if line.startswith("router follows versions"):
            first, last = int(line.split()[-3]), int(line.split()[-1])
            router /= last - first + 1
        if line.startswith("scores and experts, at least, s"):
            figures["bound"] = float(line.split()[-1]) + router
        if line.startswith("scorers ("):
            figures["scorers_busy_percent"] = float(line.split()[-1])
    return figures


RUNS = {"sequential": ["--sequential"], "overlapped": [],
        "following": ["--router.start", "following"]}


def spread(values):
    return f"{min(values):.2f}/{statistics.median(values):.2f}/{max(values):.2f}"


def measure(program, kinds, devices, options):
    """{kind: {"walls": [...], "bound": seconds}}, runs of all kinds in turn."""
    table = {kind: {"walls": [], "bounds": []} for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_inputs(folder)
        for repeat in range(options.repeats):
            for kind in kinds:
                figures = run(program, folder, folder / f"{kind}{repeat}", devices, options.seconds,
                              *RUNS[kind])
                table[kind]["walls"].append(figures["wall"])
                table[kind]["bounds"].append(figures["bound"])
    return {kind: {"walls": rows["walls"], "bound": statistics.median(rows["bounds"])}
            for kind, rows in table.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build" / "release", type=pathlib.Path)
    parser.add_argument("--devices", default="3,6,12,24,48,63",
                        help="scorers in all, a multiple of 3 since there are three models")
    parser.add_argument("--repeats", default=3, type=int)
    parser.add_argument("--seconds", default=6.0, type=float)
    parser.add_argument("--following", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    program = options.build / "tests" / "support" / "stub_pipeline"
    kinds = list(RUNS)[:3 if options.following else 2]
    table = []
    print("devices  run         seconds              critical path, s  run / path")
    for devices in map(int, options.devices.split(",")):
        rows = measure(program, kinds, devices, options)
        # What can be overlapped: the plan of a sequential run knows it as well.
        rows["sequential"]["bound"] = rows["overlapped"]["bound"]
        for kind, row in rows.items():
            ratio = statistics.median(row["walls"]) / row["bound"]
            print(f"{devices:7d}  {kind:10s}  {spread(row['walls']):19s}  {row['bound']:16.2f}  "
                  f"{ratio:10.3f}", flush=True)
        table.append({"devices": devices, **rows})
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
