#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What actors and messages cost where models cost nothing: `midpo rank` with stub scorers.

    scripts/bench_workers.py [--scorers 2,8,64,128] [--workers 1,8,64] [--rows N] [--repeats N]

First with scorer actors in the job's process, then with none there and worker processes that join over
loopback (ZeroMQ). Prints rows/s from the first row to the finished run, the job's processor time for
each tile (one tile is an order, a result, a commit and their acknowledgements), and that of a worker.
"""
import argparse
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROW_TOKENS, TILE_ROWS, MODELS = 32, 8, 2


def write_rows(path, num_rows):
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as out:
        for i in range(num_rows):
            ids = [[k + 1] + [rng.randrange(500) for _ in range(14)] for k in (0, 1)]
            out.write(json.dumps({"prompt_ids": [1000 + i % 97, i % 89], "response_0_ids": ids[0],
                                  "response_1_ids": ids[1]}) + "\n")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(process):
    """Exit status and processor seconds of a child."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def start(words, log):
    return subprocess.Popen([str(word) for word in words], stdout=log, stderr=subprocess.STDOUT)


def run(folder, options, number, scorers, workers):
    support = options.build / "tests" / "support"
    command = [support / "stub_rank", "--data", folder / "rows.jsonl", "--output",
               folder / f"out{number}.jsonl", "--run-dir", folder / f"run{number}", "--tile-tokens",
               ROW_TOKENS * TILE_ROWS]
    address = f"tcp://127.0.0.1:{free_port()}"
    log_path = folder / f"log{number}"
    with open(log_path, "w", encoding="utf-8") as log, open(os.devnull, "w", encoding="utf-8") as null:
        others = [start([support / "stub_worker", "--connect", address, "--name", f"w{i}", "--threads",
                         1, "--give-up-after", 20], null) for i in range(workers)]
        if workers:
            time.sleep(0.5 + workers / 40)  # they wait for the job, not the job for them
            command += ["--listen", address, "--scorers", 0]
        else:
            command += ["--scorers", scorers // 2]
        begin = time.perf_counter()
        job = start(command, log)
        job_seconds = wait(job)
        wall = time.perf_counter() - begin
        worker_seconds = sum(wait(other) for other in others)
    if job.returncode:
        sys.exit(log_path.read_text(encoding="utf-8")[-3000:])
    tiles = MODELS * options.rows / TILE_ROWS
    return wall, job_seconds / tiles * 1e6, worker_seconds / tiles * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build" / "release", type=pathlib.Path)
    parser.add_argument("--scorers", default="2,8,64,128", help="actors, even numbers")
    parser.add_argument("--workers", default="1,8,64", help="processes")
    parser.add_argument("--rows", default=50_000, type=int)
    parser.add_argument("--repeats", default=3, type=int)
    options = parser.parse_args()
    cases = [(int(n), 0) for n in options.scorers.split(",")]
    cases += [(0, int(n)) for n in options.workers.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_rows(folder / "rows.jsonl", options.rows)
        print("scorers                 rows/s                job, us a tile  worker, us a tile")
        for number, (scorers, workers) in enumerate(cases):
            runs = [run(folder, options, f"{number}-{i}", scorers, workers)
                    for i in range(options.repeats)]
            rates = sorted(options.rows / wall for wall, _, _ in runs)
            label = f"{workers} processes" if workers else f"{scorers} actors"
            print(f"{label:22s}  {rates[0]:,.0f}/{statistics.median(rates):,.0f}/{rates[-1]:,.0f}"
                  f"  {statistics.median(job for _, job, _ in runs):14.1f}"
                  f"  {statistics.median(worker for _, _, worker in runs):17.1f}", flush=True)


if __name__ == "__main__":
    main()
