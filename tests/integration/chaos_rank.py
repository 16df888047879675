#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `midpo rank` at random moments, resumes it, and compares with an undisturbed run.

  chaos_rank.py --kills 1000 --work DIR    a long campaign; prints where the kills fell
"""
import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support")]

import midpo_cli  # noqa: E402
import toy_data  # noqa: E402

OUTPUTS = ("d_dual.jsonl", "scores.jsonl", "d_dual.jsonl.run/quarantine.jsonl")
MAX_KILLS_PER_RUN = 12
BAD_LINES = (b'{"prompt": "no responses"}', b'{"prompt": "cut', b'\xff\xfe not text', b'[1, 2, 3]')


def write_rows(path, num_rows, seed):
    """Toy rows with a bad line after every 97th."""
    with open(path, "wb") as out:
        for i, row in enumerate(toy_data.pair_rows(num_rows, seed)):
            out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            if i % 97 == 96:
                out.write(BAD_LINES[i // 97 % len(BAD_LINES)] + b"\n")


def arguments(world, folder, **options):
    """`midpo rank` of the world into the folder, quarantining bad rows."""
    settings = {"scores_output": folder / "scores.jsonl", "on_bad_row": "quarantine",
                "resume": True, "dtype": "float32", **options}
    output = folder / "d_dual.jsonl"
    return midpo_cli.rank_arguments(world, world / "rows.jsonl", output, **settings)


def outputs_of(folder):
    """Name -> bytes of every ordered output, and the row counts of the manifest."""
    files = {name: (folder / name).read_bytes() for name in OUTPUTS}
    manifest = json.loads((folder / "d_dual.jsonl.run" / "manifest.json").read_text())
    return {**files, "rows": manifest["rows"]}


def verdict_rows(folder):
    """The rows that the run store has decided about, in order."""
    store = sqlite3.connect(f"file:{folder}/d_dual.jsonl.run/run.db?mode=ro", uri=True)
    with closing(store):
        return [row for row, in store.execute('SELECT "row" FROM verdict ORDER BY "row"')]


def assert_same_outputs(folder, expected):
    found = outputs_of(folder)
    for name, content in expected.items():
        assert found[name] == content, f"{folder / name} differs from the undisturbed run's"
    assert not list(folder.rglob("*.partial")), "an output is still under construction"
    assert verdict_rows(folder) == list(range(expected["rows"]["in"])), "a row without a verdict"


def undisturbed(world, folder, **options):
    """Its outputs, and after how many seconds they were complete."""
    folder.mkdir(parents=True)
    start = time.perf_counter()
    process = midpo_cli.start(*arguments(world, folder, **options))
    while process.poll() is None and progress_of(folder) != "finished, not ended":
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    return outputs_of(folder), seconds


def run_and_kill(world, folder, delay, **options):
    """Starts or resumes the run. @return "done" if it beat the kill, else where it stood."""
    process = midpo_cli.start(*arguments(world, folder, **options), start_new_session=True)
    try:
        _, errors = process.communicate(timeout=delay)
    except midpo_cli.subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return progress_of(folder)
    assert process.returncode == 0, errors.decode()[-2000:]
    return "done"


def progress_of(folder):
    """Roughly where a run stands, for the report of a campaign."""
    if (folder / "d_dual.jsonl.run" / "manifest.json").exists():
        return "finished, not ended"
    partial = folder / "scores.jsonl.partial"
    try:
        return "writing" if partial.stat().st_size else "scoring"
    except FileNotFoundError:
        pass
    return "publishing" if (folder / "scores.jsonl").exists() else "starting"


def chaos(world, work, num_kills, seed, **options):
    """Runs with kills until num_kills have struck, each run finished and compared.
    @return how many kills struck in each state."""
    rng = random.Random(seed)
    expected, seconds = undisturbed(world, work / "undisturbed", **options)
    struck, run = {}, 0
    while sum(struck.values()) < num_kills:
        folder = work / f"run_{run}"
        folder.mkdir(parents=True)
        kills_here, state = 0, ""
        while state != "done":
            is_spent = kills_here >= MAX_KILLS_PER_RUN or sum(struck.values()) >= num_kills
            delay = 600.0 if is_spent else rng.uniform(0.0, seconds)
            state = run_and_kill(world, folder, delay, **options)
            if state != "done":
                struck[state] = struck.get(state, 0) + 1
                kills_here += 1
        assert_same_outputs(folder, expected)
        shutil.rmtree(folder)
        run += 1
    return struck


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scorers", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    import toy_rank_world
    toy_rank_world.write_world(args.work / "world", num_rows=1, seed=5)
    write_rows(args.work / "world" / "rows.jsonl", args.rows, args.seed)
    struck = chaos(args.work / "world", args.work, args.kills, args.seed, scorers=args.scorers)
    print(json.dumps({"kills": sum(struck.values()), "differing_bytes": 0, "struck_while": struck}))


if __name__ == "__main__":
    main()
