#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How close an overlapped run comes to the fastest that any schedule could be.

    scripts/bench_overlap.py [--devices 1,2,4,...] [--repeats N] [--seconds S] [--json FILE] [--plot FILE.svg]

`midpo run` with engines that only take time (tests/support/stub_pipeline.cpp): each scorer device
sleeps for every row and does one tile at a time, each learner has a device that sleeps in every step. So
two cores are enough for many devices. Scoring takes S / 3, each expert S, the router S / 6 when run alone,
whatever the number of devices: about what the real models take. From 128 devices on there are
more rows, and as many more in a step, so that a row does not take longer than a step. Prints, for
each number of scorer devices, the run stage after stage (once), the overlapped run, the critical path
(runtime/flow/critical_path.h, computed by the program from the times it measures at its start),
and their ratio; the plot is of the latter, upside down. --following adds the run whose router
follows the experts' versions (router.start), of which only the last part comes behind their end.
"""
import argparse
import json
import math
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
ROWS, BATCH, EPOCHS, MODELS = 3072, 32, 3, 3


def scale_of(devices):
    return max(1, devices // 64)


def write_inputs(folder, scale=1):
    rng = random.Random(1)
    with open(folder / "rows.jsonl", "w", encoding="utf-8") as out:
        for i in range(ROWS * scale):
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
    scale = scale_of(devices)
    row_us = round(1e6 * seconds / 3 * devices / (ROWS * scale * MODELS))
    step_us = round(1e6 * seconds / steps)
    command = [program, "--data", folder / "rows.jsonl", "--model", folder / "base",
               "--reward-model", folder / "reward", "--cost-model", folder / "cost", "--policy",
               "labels", "--output", output, "--row-us", row_us, "--step-us", step_us,
               "--scorer-device", ",".join(f"cuda:{i}" for i in range(devices)),
               "--stub-tile-tokens", 40, "--expert.batch-size", BATCH * scale, "--expert.max-steps",
               steps, "--router.batch-size", BATCH * scale, "--router.max-steps", steps // 6,
               "--router.save-steps", 0, "--expert.save-steps", 0, *more]
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        sys.exit(result.stderr)
    figures = {"wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}
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
    table = {kind: {"walls": [], "bounds": [], "cpus": []} for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_inputs(folder, scale_of(devices))
        for repeat in range(options.repeats):
            for kind in kinds:
                if kind == "sequential" and repeat > 0:
                    continue
                figures = run(program, folder, folder / f"{kind}{repeat}", devices, options.seconds,
                              *RUNS[kind])
                table[kind]["walls"].append(figures["wall"])
                table[kind]["bounds"].append(figures["bound"])
                table[kind]["cpus"].append(figures["cpu"])
    return {kind: {"walls": rows["walls"], "bound": statistics.median(rows["bounds"]),
                   "cpu": statistics.median(rows["cpus"])}
            for kind, rows in table.items()}


def svg(table):
    """Share of the critical path's speed that is reached, against devices (logarithmic)."""
    width, height, left, top, right, bottom = 640, 300, 60, 20, 20, 50
    decades = max(1.0, math.log2(table[-1]["devices"]))
    x = lambda devices: left + (width - left - right) * math.log2(devices) / decades
    y = lambda share: top + (height - top - bottom) * (1 - share)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for share in (0, 0.25, 0.5, 0.75, 0.95, 1):
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(share):.1f}" y2="{y(share):.1f}" '
                     f'stroke="#ccc"/><text x="{left - 8}" y="{y(share) + 4:.1f}" '
                     f'text-anchor="end">{share * 100:.0f} %</text>')
    for name, colour in (("overlapped", "#1f77b4"), ("sequential", "#d62728")):
        if name not in table[0]:
            continue
        points = [(x(row["devices"]), y(row[name]["bound"] / statistics.median(row[name]["walls"]))) for row in table]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                     + " ".join(f"{a:.1f},{b:.1f}" for a, b in points) + '"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(f'<text x="{width - right - 4}" y="{points[-1][1] + 18:.1f}" text-anchor="end" '
                     f'fill="{colour}">{name}</text>')
    for row in table:
        parts.append(f'<text x="{x(row["devices"]):.1f}" y="{height - bottom + 18}" '
                     f'text-anchor="middle">{row["devices"]}</text>')
    parts.append(f'<text x="{(left + width) / 2}" y="{height - 12}" text-anchor="middle">scorer '
                 'devices; critical path / wall time</text></svg>')
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=ROOT / "build" / "release", type=pathlib.Path)
    parser.add_argument("--devices", default="1,2,4,8,16,32,64", help="of scorers, in all")
    parser.add_argument("--repeats", default=3, type=int)
    parser.add_argument("--seconds", default=12.0, type=float)
    parser.add_argument("--following", action="store_true")
    parser.add_argument("--no-sequential", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    program = options.build / "tests" / "support" / "stub_pipeline"
    kinds = list(RUNS)[int(options.no_sequential):3 if options.following else 2]
    table = []
    print("devices  run         seconds              critical path, s  run / path  processor, s")
    for devices in map(int, options.devices.split(",")):
        rows = measure(program, kinds, devices, options)
        # What can be overlapped: the plan of a sequential run knows it as well.
        if "sequential" in rows:
            rows["sequential"]["bound"] = rows["overlapped"]["bound"]
        for kind, row in rows.items():
            ratio = statistics.median(row["walls"]) / row["bound"]
            print(f"{devices:7d}  {kind:10s}  {spread(row['walls']):19s}  {row['bound']:16.2f}  "
                  f"{ratio:10.3f}  {row['cpu']:12.1f}", flush=True)
        table.append({"devices": devices, **rows})
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")
    if options.plot:
        options.plot.write_text(svg(table), encoding="utf-8")


if __name__ == "__main__":
    main()
