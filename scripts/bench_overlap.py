#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How close an overlapped run comes to the fastest that any schedule could be.

    scripts/bench_overlap.py [--devices 3,6,12,...] [--repeats N] [--seconds S] [--json FILE]

`midpo run` with engines that only take time (tests/support/stub_pipeline.cpp): each scorer is a
device of its own that sleeps for every row, each learner one that sleeps in every step. So that two
cores are enough for many devices. Scoring takes S / 3, each expert S, the router S / 6 when run alone,
whatever the number of devices: about what the real models take. Prints, for each number of scorer devices, the run stage
after stage, the overlapped run, the critical path of both (runtime/flow/critical_path.h, computed
by the program from the times it measures at its start), and their ratio.
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


def run(program, folder, output, devices, seconds, sequential):
    steps = ROWS * EPOCHS // BATCH
    row_us = round(1e6 * seconds / 3 * devices / (ROWS * MODELS))
    step_us = round(1e6 * seconds / steps)
    command = [program, "--data", folder / "rows.jsonl", "--model", folder / "base",
               "--reward-model", folder / "reward", "--cost-model", folder / "cost", "--policy",
               "labels", "--output", output, "--row-us", row_us, "--step-us", step_us,
               "--scorers", devices // MODELS, "--stub-tile-tokens", 128, "--expert.batch-size", BATCH,
               "--expert.max-steps", steps, "--router.batch-size", BATCH, "--router.max-steps",
               steps // 6, "--router.save-steps", 0, "--expert.save-steps", 0]
    if sequential:
        command.append("--sequential")
    start = time.perf_counter()
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False)
    wall = time.perf_counter() - start
    if result.returncode:
        sys.exit(result.stderr)
    figures = {"wall": wall}
    for line in result.stdout.splitlines():
        if line.startswith("scores and experts, at least, s"):
            figures["bound"] = float(line.split()[-1]) + seconds / 6
        if line.startswith("scorers ("):
            figures["scorers_busy_percent"] = float(line.split()[-1])
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build" / "release", type=pathlib.Path)
    parser.add_argument("--devices", default="3,6,12,24,48,63",
                        help="scorers in all, a multiple of 3 since there are three models")
    parser.add_argument("--repeats", default=3, type=int)
    parser.add_argument("--seconds", default=6.0, type=float)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    program = options.build / "tests" / "support" / "stub_pipeline"
    table = []
    print("devices  sequential, s        overlapped, s        critical path, s  overlapped / path  "
          "sequential / path")
    for devices in map(int, options.devices.split(",")):
        walls = {True: [], False: []}
        bounds = []
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_inputs(folder)
            for repeat in range(options.repeats):
                for sequential in (True, False):
                    figures = run(program, folder, folder / f"out{repeat}{sequential}", devices,
                                  options.seconds, sequential)
                    walls[sequential].append(figures["wall"])
                    if not sequential:
                        bounds.append(figures["bound"])
        bound = statistics.median(bounds)

        def spread(values):
            return f"{min(values):.2f}/{statistics.median(values):.2f}/{max(values):.2f}"

        ratio = statistics.median(walls[False]) / bound
        print(f"{devices:7d}  {spread(walls[True]):19s}  {spread(walls[False]):19s}  {bound:16.2f}  "
              f"{ratio:17.3f}  {statistics.median(walls[True]) / bound:17.2f}", flush=True)
        table.append({"devices": devices, "sequential": walls[True], "overlapped": walls[False],
                      "bound": bound})
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
