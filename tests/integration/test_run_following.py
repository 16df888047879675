# SPDX-License-Identifier: Apache-2.0
"""midpo run with router.start: following: the router trains beside the experts, on the versions of
their weights that a schedule names, and timing changes nothing of what comes out.

Stubs (tests/support/stub_pipeline.cpp) for timing and kills; real (tiny) models for which weights
are live in which step.
"""
import json
import math
import os
import random
import signal
import subprocess
import time

import pytest
from test_run import (inputs, made, program, run_stub, shared,  # noqa: F401
                      stub_command, stub_made, toy)

FOLLOWING = ("--router.start", "following")


def losses(output):
    lines = (output / "state/router/metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


# --- with stubs: 39 and 75 expert steps, of which 13 and 25 are the first epoch

@pytest.fixture(scope="module")
def command(program, inputs):  # noqa: F811
    def make(output, *more):
        return stub_command(program, inputs, output, *FOLLOWING, "--expert.epochs", 3, *more)
    return make


@pytest.fixture(scope="module")
def expected(command, tmp_path_factory):
    output = tmp_path_factory.mktemp("expected") / "run"
    run_stub(command(output, "--sequential"))
    return stub_made(output)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scorers", [1, 2])
def test_the_overlapped_run_gives_the_bytes_of_the_sequential_one(command, expected, tmp_path,
                                                                  scorers, seed):
    run_stub(command(tmp_path / "run", "--scorers", scorers, "--jitter-us", 3000, "--jitter-seed",
                     seed, "--router.max-staleness", seed))
    assert stub_made(tmp_path / "run") == expected
    assert not (tmp_path / "run/state/versions").exists()


def test_following_is_something_else_than_starting_behind_the_experts(command, expected, tmp_path):
    run_stub(command(tmp_path / "run", "--router.start", "after_experts"))
    after = stub_made(tmp_path / "run")
    assert after[:3] == expected[:3]
    assert after[3] != expected[3]


def test_one_version_is_starting_behind_the_experts(command, tmp_path):
    run_stub(command(tmp_path / "one", "--router.versions", 1))
    run_stub(command(tmp_path / "after", "--router.start", "after_experts"))
    assert stub_made(tmp_path / "one") == stub_made(tmp_path / "after")


def test_every_step_uses_the_version_of_the_schedule(command, tmp_path):
    run_stub(command(tmp_path / "run", "--step-us", 2000))
    used = [line["router/expert_version"] for line in losses(tmp_path / "run")]
    # Of 8 versions, the third is the first behind a third of the steps.
    assert used[0] == 3 and used[-1] == 8
    assert used == sorted(used)
    counts = [used.count(version) for version in range(3, 9)]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("limit", [0, 1])
def test_experts_are_never_further_ahead_than_they_may(command, expected, tmp_path, limit):
    """A router slower than its experts: these are held."""
    slow = ("--step-us", 2000, "--router.epochs", 8)
    run_stub(command(tmp_path / "free", *slow, "--router.max-staleness", 100))
    run_stub(command(tmp_path / "held", *slow, "--router.max-staleness", limit))
    assert max(line["router/staleness"] for line in losses(tmp_path / "free")) > limit
    assert max(line["router/staleness"] for line in losses(tmp_path / "held")) <= limit
    assert stub_made(tmp_path / "held") == stub_made(tmp_path / "free")


def run_under_kills(command, output, rng):
    """Kills the whole run at random moments until it comes to its end. Returns how often."""
    words, hits = command(output, "--step-us", 4000, "--row-us", 300), 0
    while True:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(rng.uniform(0.02, 0.9))
        if process.poll() is not None:
            assert process.returncode == 0, process.stderr.read()[-2000:]
            return hits
        process.send_signal(signal.SIGKILL)
        process.communicate()
        hits += 1


def test_kills_change_nothing(command, expected, tmp_path):
    rng, hits, runs = random.Random(9), 0, 0
    while hits < int(os.environ.get("MIDPO_RUN_KILLS", "6")):
        hits += run_under_kills(command, tmp_path / str(runs), rng)
        assert stub_made(tmp_path / str(runs)) == expected
        runs += 1


def test_a_stopped_run_is_continued_stage_after_stage(command, expected, tmp_path):
    words = command(tmp_path / "run", "--step-us", 15000)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (tmp_path / "run/state/router/metrics.jsonl").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 75
    run_stub(command(tmp_path / "run", "--sequential"))
    assert stub_made(tmp_path / "run") == expected


def test_a_finished_run_is_left_alone(command, tmp_path):
    def made():
        """But for the lock, which says who looked last."""
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*/*")
                if path.name != "lock"}

    run_stub(command(tmp_path / "run"))
    before = made()
    run_stub(command(tmp_path / "run"))
    assert made() == before


def fails(words, status, *texts):
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == status, result.stderr[-2000:]
    for text in texts:
        assert text in result.stderr


def interrupt(words, path):
    """Kills a run as soon as `path` is there."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()


def test_another_schedule_is_refused(command, tmp_path):
    interrupt(command(tmp_path / "run", "--step-us", 15000),
              tmp_path / "run/state/versions/safety/version-1")
    fails(command(tmp_path / "run", "--router.versions", 4), 2, "router.versions")


def test_experts_that_published_nothing_cannot_be_followed(command, tmp_path):
    interrupt(command(tmp_path / "run", "--step-us", 15000, "--router.start", "after_experts"),
              tmp_path / "run/state/experts/safety/checkpoints/step-14")
    fails(command(tmp_path / "run"), 2, "version 1 is missing", "after_experts")


def test_a_router_that_fails_stops_the_experts(command, inputs, midpo, tmp_path):  # noqa: F811
    """Labels that contradict each other in every row leave D_dual empty."""
    rows = [json.loads(line) for line in (inputs / "rows.jsonl").read_text().splitlines()]
    midpo.write_jsonl(tmp_path / "rows.jsonl",
                      [row | {"better_response_id": 1 - row["safer_response_id"]} for row in rows])
    words = command(tmp_path / "run", "--step-us", 15000)
    words[words.index(str(inputs / "rows.jsonl"))] = str(tmp_path / "rows.jsonl")
    fails(words, 2, "d_dual.jsonl: the ranking has kept no row")
    assert not (tmp_path / "run/adapters/helpfulness").exists(), "the experts trained on"


def test_it_can_be_watched(command, tmp_path):
    trace = tmp_path / "trace.json"
    run_stub(command(tmp_path / "run", "--step-us", 2000, "--trace", trace))
    events = json.loads(trace.read_text())
    names = [event["args"]["name"] for event in events if event["ph"] == "M"]
    assert {"store", "safety expert", "router", "router store", "router feeder"} <= set(names)
    assert len(names) == len(set(names))
    begun = {(e["cat"], e["id"]) for e in events if e["ph"] == "s"}
    ended = {(e["cat"], e["id"]) for e in events if e["ph"] == "t"}
    assert begun and begun == ended
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["ph"] == "M"}
    steps = {name: [e for e in events if e["ph"] == "X" and e["tid"] == tracks[name]
                    and e["name"] == "step"] for name in ("router", "helpfulness expert")}
    assert steps["router"][0]["ts"] < steps["helpfulness expert"][-1]["ts"], "no overlap"
    stages = json.loads((tmp_path / "run/stages.json").read_text())["stages"]
    assert "router" in [stage["name"] for stage in stages]


# --- with real models

EXPERT = {"max_steps": 8, "batch_size": 15, "warmup_ratio": 0, "learning_rate": 3e-3,
          "schedule": "constant"}
ROUTER = EXPERT | {"max_steps": 6, "batch_size": 4, "learning_rate": 0}


def options(values, section=""):
    return [word for key, value in values.items()
            for word in (f"--{section}{key.replace('_', '-')}", value)]


def test_each_step_has_the_loss_of_a_router_on_the_experts_of_its_version(toy, midpo,  # noqa: F811
                                                                          tmp_path):
    """At learning rate 0 the gates stay what they were, so that the loss of a step depends on its
    rows and on the experts alone; experts of a version are those trained for so many steps."""
    output = tmp_path / "run"
    midpo.run_ok("run", *shared(toy), "--policy", "labels", "--output", output, *FOLLOWING,
                 "--router.versions", 4, *options(EXPERT, "expert."), *options(ROUTER, "router."))
    found = losses(output)
    used = [int(line["router/expert_version"]) for line in found]
    assert used == [2, 2, 3, 3, 4, 4]
    for version in sorted(set(used)):
        adapters, router = tmp_path / f"experts-{version}", tmp_path / f"router-{version}"
        midpo.run_ok("expert", "--kind", "both", *shared(toy), "--output", adapters,
                     *options(EXPERT | {"max_steps": 2 * version}))
        midpo.run_ok("router", "--model", toy / "init", "--dtype", "float32", "--safety-adapter",
                     adapters / "safety", "--helpfulness-adapter", adapters / "helpfulness",
                     "--data", output / "d_dual.jsonl", "--output", router, *options(ROUTER))
        by_hand = [json.loads(line)["loss"] for line in
                   (tmp_path / f"router-{version}.run/metrics.jsonl").read_text().splitlines()]
        for step, line in enumerate(found):
            assert (line["loss"] == by_hand[step]) == (used[step] == version), (step, version)
    # The router names its experts: it is refused beside any others.
    midpo.run_ok("gates", "--model", toy / "init", "--router", output / "router",
                 "--safety-adapter", output / "adapters/safety", "--helpfulness-adapter",
                 output / "adapters/helpfulness", "--data", toy / "preferences_test.jsonl", "--output",
                 tmp_path / "gates.jsonl")
    assert all(math.isfinite(line["loss"]) for line in found)


def test_an_interrupted_run_gives_the_bytes_of_the_sequential_one(toy, midpo,  # noqa: F811
                                                                  tmp_path):
    def words(output, *more):
        return ("run", *shared(toy), "--policy", "labels", "--output", output, *FOLLOWING,
                "--router.versions", 4, *options(EXPERT | {"max_steps": 12, "save_steps": 5},
                                                 "expert."),
                *options(ROUTER | {"max_steps": 24, "learning_rate": 1e-3, "save_steps": 5},
                         "router."), *more)

    process = midpo.start(*words(tmp_path / "run"))
    checkpoints = tmp_path / "run/state/router/checkpoints"
    while process.poll() is None and not list(checkpoints.glob("step-*")):
        time.sleep(0.005)
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    assert was_running, "nothing was interrupted"
    midpo.run_ok(*words(tmp_path / "run", "--resume"))
    midpo.run_ok(*words(tmp_path / "sequential", "--sequential"))
    assert made(tmp_path / "run") == made(tmp_path / "sequential")


def test_keys_that_do_not_go_together_are_refused(toy, midpo, tmp_path):  # noqa: F811
    base = ("run", *shared(toy), "--output", tmp_path / "run")
    for words, key in ((("--router.versions", 4), "router.versions"),
                       (("--router.max-staleness", 0), "router.max_staleness"),
                       ((*FOLLOWING, "--mode", "online"), "router.start"),
                       ((*FOLLOWING, "--router.versions", 0), "router.versions"),
                       (("--router.start", "sometimes"), "router.start")):
        result = midpo.run(*base, *words)
        assert result.returncode == midpo.EXIT_USAGE
        assert key in result.stderr.replace("-", "_"), result.stderr
