#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills training commands on a tiny model at chosen moments, resumes them, and compares every byte
with an undisturbed run.

  chaos_train.py --kills 5 --work DIR    a campaign over all trainers; prints where the kills fell
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support")]

import midpo_cli  # noqa: E402
import toy_world  # noqa: E402

STEPS = 8
SAVE_STEPS = 2
COMMON = ("--dtype", "float32", "--batch-size", 3, "--warmup-ratio", 0, "--learning-rate", 1e-3,
          "--gradient-accumulation", 1, "--max-steps", STEPS, "--save-steps", SAVE_STEPS,
          "--eval-steps", 3)
MOMENTS = ("step", "save", "publish", "any")
DEADLINE_S = 60.0
MAX_KILLS_PER_RUN = 3


def trainers(toy):
    """Name -> the command and what of its arguments is its own."""
    pairs = ("--model", toy / "init", "--data", toy / "preferences_train.jsonl",
             "--eval-data", toy / "preferences_test.jsonl")
    answers = ("--model", toy / "init", "--data", toy / "sft.jsonl", "--eval-data",
               toy / "sft.jsonl")
    scores = ("--reward-model", toy / "reward", "--cost-model", toy / "cost")
    experts = ("--safety-adapter", toy / "experts" / "safety", "--helpfulness-adapter",
               toy / "experts" / "helpfulness", "--gate-width", 8)
    dual = ("--model", toy / "init", "--data", toy / "d_dual.jsonl", "--eval-data",
            toy / "d_dual.jsonl")
    return {"sft": ("sft", *answers), "sft_lora": ("sft", "--lora", *answers),
            "reward": ("reward", *pairs), "cost": ("cost", *pairs),
            "expert": ("expert", "--kind", "both", *pairs, *scores),
            "router": ("router", *dual, *experts), "dpo": ("dpo", *pairs)}


def write_toy(folder):
    """An untrained base model, score models and experts of a step each, and rows of each kind."""
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=18, preferences=30,
                                                     prompts=4))
    rows = [json.loads(line) for line in
            (folder / "preferences_train.jsonl").read_text().splitlines()]
    agreed = [{**row, "safer_response_id": row["better_response_id"]} for row in rows]
    midpo_cli.write_jsonl(folder / "d_dual.jsonl", agreed)
    short = ("--max-steps", 1, "--dtype", "float32", "--model", folder / "init", "--data",
             folder / "preferences_train.jsonl")
    for kind in ("reward", "cost"):
        midpo_cli.run_ok(kind, *short, "--output", folder / kind)
    midpo_cli.run_ok("expert", "--kind", "both", *short, "--reward-model", folder / "reward",
                     "--cost-model", folder / "cost", "--output", folder / "experts")


def start(command, folder):
    """A run whose output is folder/out. Runs to be compared have one folder, as the plan that is
    part of their state names it."""
    folder.mkdir(parents=True, exist_ok=True)
    return midpo_cli.start(*command, *COMMON, "--resume", "--output", "out", cwd=folder,
                           start_new_session=True)


def finish(process):
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors.decode()[-2000:]


def learner_folders(folder):
    run = folder / "out.run"
    return [path for path in (run, run / "safety", run / "helpfulness")
            if (path / "metrics.jsonl").exists()]


def num_steps(run):
    """Lines of training steps in a learner's metrics."""
    try:
        return (run / "metrics.jsonl").read_text().count('"grad_norm"')
    except FileNotFoundError:
        return 0


def is_saving(folder):
    names = []
    for run in learner_folders(folder):
        try:
            names += os.listdir(run / "checkpoints")
        except FileNotFoundError:
            pass
    return any(name.endswith(".midpo-tmp") for name in names)


def wait_for(moment, process, folder, rng):
    """Returns at the moment, or when the run has ended."""
    deadline = time.monotonic() + (rng.uniform(0.0, 2.5) if moment == "any" else DEADLINE_S)
    steps_before = max((num_steps(run) for run in learner_folders(folder)), default=0)
    step = min(STEPS, steps_before + rng.randrange(1, 4))
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.0005)
        if moment == "save" and is_saving(folder):
            return
        if moment != "any":
            steps = [num_steps(run) for run in learner_folders(folder)]
            is_last = bool(steps) and max(steps) == STEPS and not (folder / "out").exists()
            if moment == "publish" and is_last:
                return
            if moment == "step" and steps and max(steps) >= step:
                return


def run_and_kill(command, folder, moment, rng):
    """@return False if the run ended before the moment came."""
    process = start(command, folder)
    wait_for(moment, process, folder, rng)
    if process.poll() is not None:
        finish(process)
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return True


def contents(folder):
    """All that must not depend on interruptions: metrics as text without their times, and every
    byte of weights, checkpoints and plan."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == "metrics.jsonl":
            found[name] = re.sub(r'"time":[0-9.]+,', "", path.read_text())
        elif path.is_file() and (name.startswith("out/") or "/checkpoints/" in name
                                 or path.name == "plan.json"):
            found[name] = path.read_bytes()
    return found


def assert_same(folder, expected):
    found = contents(folder)
    assert sorted(found) == sorted(expected), sorted(set(found) ^ set(expected))
    for name, content in expected.items():
        assert found[name] == content, f"{folder / name} differs from the undisturbed run's"
    assert not list(folder.rglob("*.midpo-tmp")), "something is still under construction"


def undisturbed(command, folder):
    finish(start(command, folder))
    found = contents(folder)
    assert all(num_steps(run) == STEPS for run in learner_folders(folder))
    shutil.rmtree(folder)
    return found


def chaos(command, folder, expected, moments, rng):
    """Kills at each of the moments, some in one run, each run finished and compared.
    @return the moments at which a run was still there to be killed."""
    struck, left = [], list(moments)
    while left:
        for moment in left[:MAX_KILLS_PER_RUN]:
            if run_and_kill(command, folder, moment, rng):
                struck.append(moment)
        left = left[MAX_KILLS_PER_RUN:]
        finish(start(command, folder))
        assert_same(folder, expected)
        shutil.rmtree(folder)
    return struck


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="of each trainer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trainer", help="only this one")
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    write_toy(args.work / "toy")
    for name, command in trainers((args.work / "toy").resolve()).items():
        if args.trainer not in (None, name):
            continue
        expected = undisturbed(command, args.work / name)
        struck = []
        while len(struck) < args.kills:
            moments = rng.choices(MOMENTS, k=args.kills - len(struck))
            struck += chaos(command, args.work / name, expected, moments, rng)
        counts = {moment: struck.count(moment) for moment in MOMENTS}
        print(json.dumps({"trainer": name, "kills": len(struck), "differing_bytes": 0, **counts}),
              flush=True)


if __name__ == "__main__":
    main()
