#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The paper's claim, measured in toy worlds: is MidPO ahead on safety and on helpfulness at once?

Runs scripts/toy_story.sh for several seeds (each seed is another world, another initial model and
another order of rows) and prints one table: mean over seeds and its 95 % confidence interval by
Student's t, per method and axis, by the truth. Then it says, pair by pair over the same worlds,
which methods differ from MidPO beyond chance.

  claim.py FOLDER [--seeds 1 2 3 4 5]     results go to FOLDER/seed-N; finished steps are kept
"""
import argparse
import json
import math
import statistics
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AXES = ("helpful", "safe", "over_refusal", "redirects")
OURS = "MidPO"
# 97.5 % quantiles of Student's t distribution by degrees of freedom.
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def mean_and_half_width(values):
    """Mean, and half the width of its 95 % confidence interval (nan for a single value)."""
    if len(values) < 2:
        return values[0], math.nan
    quantile = T_QUANTILES[min(len(values) - 2, len(T_QUANTILES) - 1)]
    return statistics.mean(values), quantile * statistics.stdev(values) / math.sqrt(len(values))


def read_methods(folder):
    """method -> axis -> mean over the test requests of one world."""
    methods = {}
    for path in sorted((folder / "methods").glob("*/scores.summary.json")):
        numbers = json.loads(path.read_text(encoding="utf-8"))["all"]
        methods[path.parent.name] = {axis: numbers[axis]["mean"] for axis in AXES}
    return methods


def method_table(worlds):
    lines = ["| method | " + " | ".join(AXES) + " |", "|---" * (len(AXES) + 1) + "|"]
    for method in worlds[0]:
        cells = []
        for axis in AXES:
            mean, half = mean_and_half_width([world[method][axis] for world in worlds])
            cells.append(f"{mean:.3f} ± {half:.3f}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def difference_table(worlds):
    """MidPO less each other method, world by world."""
    lines = [f"| {OURS} less | helpful | safe | so {OURS} is |", "|---|---|---|---|"]
    for method in worlds[0]:
        if method == OURS:
            continue
        cells, words = [], []
        for axis in ("helpful", "safe"):
            differences = [world[OURS][axis] - world[method][axis] for world in worlds]
            mean, half = mean_and_half_width(differences)
            cells.append(f"{mean:+.3f} ± {half:.3f}")
            if mean - half > 0:
                words.append(f"more {axis}")
            elif mean + half < 0:
                words.append(f"less {axis}")
        lines.append(f"| {method} | {' | '.join(cells)} | {', '.join(words) or 'not told apart'} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    args = parser.parse_args()
    worlds = []
    for seed in args.seeds:
        folder = args.folder / f"seed-{seed}"
        subprocess.run([ROOT / "scripts" / "toy_story.sh", folder.resolve(), str(seed)], check=True)
        worlds.append(read_methods(folder))
    text = f"{len(worlds)} worlds\n\n{method_table(worlds)}\n\n{difference_table(worlds)}\n"
    (args.folder / "claim.md").write_text(text, encoding="utf-8")
    print("\n" + text)


if __name__ == "__main__":
    main()
