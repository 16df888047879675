# SPDX-License-Identifier: Apache-2.0
"""Workers as generators of an online run, and as ranks of a learner: the same bytes, whatever
happens to them."""
import json
import re
import shutil
import signal
import time

import chaos_remote
import online_world
import pytest
from online_world import arguments, result_of, router_arguments
from party import Party


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    return online_world.write(midpo, tmp_path_factory.mktemp("roles_toy"))


@pytest.fixture(scope="module")
def expected(toy, midpo, tmp_path_factory):
    """Of the run without workers, max_staleness 2."""
    folder = tmp_path_factory.mktemp("roles")
    midpo.run_ok(*arguments(toy, folder / "run", "--online.max-staleness", 2))
    return result_of(folder / "run")


def online(party, toy, *more):
    """All is written and scored by workers."""
    return arguments(toy, party.folder / "run", "--online.max-staleness", 2, "--listen",
                     party.address, "--online.generators", 0, *more)


def test_workers_write_and_score_the_same_bytes(toy, midpo, expected, tmp_path):
    with Party(midpo, tmp_path) as party:
        party.worker("writer", "--roles", "generator")
        party.worker("both")
        party.start("job", *online(party, toy))
        for name in ("job", "writer", "both"):
            party.end(name)
        assert re.search(r"worker_ready worker=writer credits=0 parts=1", party.words("job"))
        assert re.search(r"worker_ready worker=both credits=2 parts=1", party.words("job"))
        for name in ("writer", "both"):
            assert re.search(r"left tasks=[1-9]", party.words(name)), party.words(name)
    assert result_of(tmp_path / "run") == expected


def test_the_mixture_is_written_by_workers_too(toy, midpo, tmp_path):
    midpo.run_ok(*arguments(toy, tmp_path / "alone", *router_arguments(toy)))
    with Party(midpo, tmp_path) as party:
        for name in ("w0", "w1"):
            party.worker(name)
        party.start("job", *online(party, toy, "--online.max-staleness", 1,
                                   *router_arguments(toy)))
        party.end("job")
    assert result_of(tmp_path / "run") == result_of(tmp_path / "alone")


def test_stop_strings_and_log_probs_are_those_of_a_local_generator(toy, midpo, tmp_path):
    more = ("--generation.stop", "e", "--generation.log-probs", "--generation.top-k", 20,
            "--generation.repetition-penalty", 1.1, "--online.max-staleness", 1)
    midpo.run_ok(*arguments(toy, tmp_path / "alone", *more))
    with Party(midpo, tmp_path) as party:
        party.worker("w0")
        party.start("job", *online(party, toy, *more))
        party.end("job")
    assert result_of(tmp_path / "run") == result_of(tmp_path / "alone")
    assert "stop_string" in (tmp_path / "run/state/rounds/round-0.jsonl").read_text()


def test_killed_workers_and_coordinators_change_nothing(toy, midpo, expected, tmp_path):
    """Each in turn, while rounds are being written; every other one is killed within a version."""
    with Party(midpo, tmp_path) as party:
        job = online(party, toy, "--resume")
        for name in ("w0", "w1"):
            party.worker(name)
        party.start("job", *job)
        party.wait_for("w0", "weights_live version=1 ")
        # Anew at once: the job may be through before it misses the first one.
        party.processes["w0"].kill()
        party.worker("w0")
        party.wait_for("w1", "weights_live version=3 ")
        party.processes["job"].kill()
        party.processes["job"].wait()
        party.start("job", *job)
        party.processes["w1"].kill()
        party.end("job")
    assert result_of(tmp_path / "run") == expected


@pytest.mark.parametrize("rate", (0.1, pytest.param(0.3, marks=pytest.mark.slow)))
def test_a_bad_network_changes_nothing(rate, toy, midpo, expected, tmp_path):
    faults = {"MIDPO_TEST_FAULTS": ",".join(f"{kind}={rate}" for kind in (
        "drop", "doubled", "reordered", "delayed", "corrupt")) + ",seed=7"}
    with Party(midpo, tmp_path) as party:
        for name in ("w0", "w1"):
            party.worker(name, env=faults)
        party.start("job", *online(party, toy), env=faults)
        party.end("job", limit_s=120)
    assert result_of(tmp_path / "run") == expected


def test_a_late_worker_finds_the_versions_that_are_needed(toy, midpo, expected, tmp_path):
    with Party(midpo, tmp_path) as party:
        party.worker("w0")
        party.start("job", *online(party, toy))
        party.wait_for("w0", "weights_live version=2 ")
        party.worker("late")
        party.end("job")
    assert result_of(tmp_path / "run") == expected


def test_a_frozen_worker_holds_nobody_up(toy, midpo, expected, tmp_path):
    with Party(midpo, tmp_path) as party:
        for name in ("w0", "w1"):
            party.worker(name)
        party.start("job", *online(party, toy))
        party.wait_for("w0", "weights_live version=1 ")
        party.processes["w0"].send_signal(signal.SIGSTOP)
        party.end("job")
        assert "worker_lost worker=w0 reason=\"silent" in party.words("job")
    assert result_of(tmp_path / "run") == expected


POISON = 5  # a prompt, by its row


def keep_alive(party, names, env, until, limit_s=90.0):
    """A supervisor: whoever ends is started again under its name."""
    deadline = time.monotonic() + limit_s
    while not until():
        for name in names:
            if party.processes[name].poll() is not None:
                party.worker(name, env=env)
        assert time.monotonic() < deadline, party.words("job")[-3000:]
        time.sleep(0.05)


@pytest.mark.slow
def test_a_prompt_that_ends_its_workers_is_quarantined_and_changes_nothing_else(
        toy, midpo, expected, tmp_path):
    """Stopped by name first; then left out, through a kill; and the bytes are those of a process
    that knew of it from the start."""
    names, poison = ("w0", "w1"), {"MIDPO_TEST_FAULTS": f"poison_prompt={POISON}"}
    with Party(midpo, tmp_path) as party:
        job = online(party, toy, "--resume")
        for name in names:
            party.worker(name, env=poison)
        process = party.start("job", *job)
        keep_alive(party, names, poison, lambda: process.poll() is not None)
        assert process.returncode == midpo.EXIT_USAGE
        assert f"prompts_test.jsonl:{POISON + 1}: it ends the process" in party.words("job")
        goes_on = (*job, "--on-bad-row", "quarantine")
        process = party.start("job", *goes_on)
        keep_alive(party, names, poison, lambda: "prompt_quarantined" in party.words("job"))
        process.kill()
        process.wait()
        process = party.start("job", *goes_on)
        keep_alive(party, names, poison, lambda: process.poll() is not None)
        assert process.returncode == 0, party.words("job")[-3000:]
    state = tmp_path / "run/state"
    lines = midpo.read_jsonl(state / "quarantine.jsonl")
    assert {line["row"] for line in lines} == {POISON} and "ends the process" in lines[0]["reason"]
    rows = json.loads((state / "manifest.json").read_text())["rows"]
    assert rows["quarantined"] == 1 and rows["in"] == rows["out"] + 1
    (tmp_path / "alone/state").mkdir(parents=True)
    shutil.copy(state / "quarantine.jsonl", tmp_path / "alone/state")
    midpo.run_ok(*arguments(toy, tmp_path / "alone", "--online.max-staleness", 2, "--resume"))
    assert result_of(tmp_path / "run") == result_of(tmp_path / "alone")
    assert result_of(tmp_path / "run") != expected


def test_the_version_on_a_worker_is_the_one_it_says(toy, midpo, tmp_path):
    with Party(midpo, tmp_path) as party:
        party.worker("w0")
        party.start("job", *online(party, toy, "--online.save-steps", 0))
        party.end("job")
    online_world.check_last_round_by_hand(midpo, toy, tmp_path / "run")


def test_what_cannot_work_is_refused_by_name(toy, midpo, tmp_path):
    result = midpo.run(*arguments(toy, tmp_path / "none", "--online.generators", 0))
    assert result.returncode == midpo.EXIT_USAGE and "--listen" in result.stderr
    with Party(midpo, tmp_path) as party:
        (tmp_path / "other").mkdir()
        party.worker("other", "--model-map", f"{toy / 'sft'}={toy / 'init'}", "--roles",
                     "generator")
        party.start("job", *online(party, toy, "--wait-for-workers", 30))
        assert party.processes["other"].wait(timeout=30) == midpo.EXIT_USAGE
        assert "the policy model has content" in party.words("other")


def sft(toy, output, *more):
    return ("sft", "--model", toy / "init", "--data", toy / "sft.jsonl", "--output", output,
            "--dtype", "float32", "--batch-size", 4, "--max-steps", 60, "--save-steps", 20,
            "--warmup-ratio", 0, "--learning-rate", "1e-3", "--ranks", 2, "--rank-silence-seconds",
            2, *more)


def trained_by(output):
    return (output / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def two_ranks(toy, midpo, tmp_path_factory):
    if not (midpo.BINARY.parent / "libmidpo_collectives.so").exists():
        pytest.skip("built without LibTorch")
    output = tmp_path_factory.mktemp("ranks") / "sft"
    midpo.run_ok(*sft(toy, output))
    return trained_by(output)


def num_logged(run_dir):
    metrics = run_dir / "metrics.jsonl"
    return metrics.read_text().count("\n") if metrics.exists() else 0


def from_workers(party):
    return "--rank-source", "workers", "--listen", party.address


def test_a_worker_becomes_a_rank(toy, midpo, two_ranks, tmp_path):
    with Party(midpo, tmp_path) as party:
        party.worker("w0", "--roles", "learner-rank")
        party.start("job", *sft(toy, tmp_path / "sft", *from_workers(party)))
        for name in ("job", "w0"):
            party.end(name)
        assert re.search(r"rank_ended rank=1 how=\"ended with exit status 0\"", party.words("w0"))
    assert trained_by(tmp_path / "sft") == two_ranks


def test_a_rank_finds_the_model_where_its_host_has_it(toy, midpo, two_ranks, tmp_path):
    """The job has it under a relative path, the worker runs in another folder."""
    host = tmp_path / "host"
    shutil.copytree(toy / "init", host / "base")
    for name, model in (("wrong", toy / "sft"), ("right", "base")):
        with Party(midpo, tmp_path) as party:
            party.worker(name, "--model-map", f"{toy}/init={model}", cwd=host)
            job = sft(toy, tmp_path / name, *from_workers(party), "--wait-for-workers", 20)
            party.start(f"job_{name}", *("init" if word == toy / "init" else word for word in job),
                        cwd=toy)
            if name == "wrong":
                assert party.processes["job_wrong"].wait(timeout=60) == midpo.EXIT_USAGE
                assert "rank 1: its model's content is" in party.words("job_wrong")
            else:
                party.end("job_right")
    assert trained_by(tmp_path / "right") == two_ranks


def test_a_rank_lost_with_its_worker_is_named_and_the_run_resumes_to_the_same_bits(
        toy, midpo, two_ranks, tmp_path):
    with Party(midpo, tmp_path) as party:
        job = sft(toy, tmp_path / "sft", *from_workers(party))
        party.worker("w0")
        party.start("job", *job)
        party.wait_until(lambda: num_logged(tmp_path / "sft.run") >= 25)
        party.processes["w0"].kill()
        killed = time.monotonic()
        assert party.processes["job"].wait(timeout=30) == midpo.EXIT_FAILED
        assert time.monotonic() - killed < 8
        assert "rank 1" in party.words("job").splitlines()[-1], party.words("job")[-1000:]
        party.worker("w1")
        party.start("job", *job, "--resume")
        party.end("job")
        party.end("w1")
    assert trained_by(tmp_path / "sft") == two_ranks


def test_a_rank_whose_key_is_removed_is_named_and_the_run_resumes_to_the_same_bits(
        toy, midpo, two_ranks, tmp_path):
    keys = chaos_remote.make_keys(tmp_path, ("head", "w0", "w1"))
    allowed = tmp_path / "allowed"

    def key_of(name):
        return ("--key", keys / f"{name}.key", "--server-key", keys / "head.pub")

    with Party(midpo, tmp_path) as party:
        job = sft(toy, tmp_path / "sft", *from_workers(party), "--listen-key", keys / "head.key",
                  "--allowed-keys", allowed)
        shutil.copy(keys / "w0.pub", allowed)
        party.worker("w0", *key_of("w0"))
        party.start("job", *job)
        party.wait_until(lambda: num_logged(tmp_path / "sft.run") >= 25)
        shutil.copy(keys / "w1.pub", allowed)
        party.processes["job"].send_signal(signal.SIGHUP)
        removed = time.monotonic()
        assert party.processes["job"].wait(timeout=30) == midpo.EXIT_FAILED
        assert time.monotonic() - removed < 8
        last = party.words("job").splitlines()[-1]
        assert "rank 1" in last and "w0" in last, party.words("job")[-1500:]
        assert party.processes["w0"].wait(timeout=15) == midpo.EXIT_USAGE
        assert "not on the job's list of allowed keys" in party.words("w0")
        party.worker("w1", *key_of("w1"))
        party.start("job", *job, "--resume")
        party.end("job")
        party.end("w1")
    assert trained_by(tmp_path / "sft") == two_ranks


def test_ranks_that_cannot_come_are_refused_by_name(toy, midpo, tmp_path):
    def refused(*more):
        result = midpo.run(*sft(toy, tmp_path / "sft", *more))
        assert result.returncode == midpo.EXIT_USAGE, result.stderr
        return result.stderr

    assert "give --listen" in refused("--rank-source", "workers")
    assert "nothing for workers to do" in refused("--listen", "tcp://127.0.0.1:5599")
    assert "--rendezvous" in refused("--rank-source", "workers", "--listen", "tcp://192.0.2.7:5599",
                                     "--insecure-plaintext")


def test_a_worker_without_a_role_in_the_job_is_refused_by_name(toy, midpo, tmp_path):
    with Party(midpo, tmp_path) as party:
        party.worker("w0", "--roles", "learner-rank")
        party.start("job", *online(party, toy))
        assert party.processes["w0"].wait(timeout=30) == midpo.EXIT_USAGE
        assert "the job has work for a scorer or generator, and worker w0 offers to be a " \
            "learner-rank" in party.words("w0")
