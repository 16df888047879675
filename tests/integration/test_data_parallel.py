# SPDX-License-Identifier: Apache-2.0
"""Training on several ranks: the curve of one rank, the same bits every time, and what happens when
a rank dies, hangs or never comes."""
import argparse
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import toy_world

BATCH = ("--dtype", "float32", "--batch-size", "4", "--warmup-ratio", "0", "--learning-rate", "1e-3")
LONG = ("--max-steps", "120", "--save-steps", "20", "--gradient-accumulation", "1")


@pytest.fixture(scope="module", autouse=True)
def has_collectives(midpo):
    if not (midpo.BINARY.parent / "libmidpo_collectives.so").exists():
        pytest.skip("built without LibTorch")


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    """An untrained base model, score models and experts of a few steps, rows of each kind."""
    folder = tmp_path_factory.mktemp("toy")
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=48, preferences=48,
                                                     prompts=4))
    few = ("--max-steps", "2", *BATCH)
    base = ("--model", folder / "init", "--data", folder / "preferences_train.jsonl")
    midpo.run_ok("reward", *base, "--output", folder / "reward", *few)
    midpo.run_ok("cost", *base, "--output", folder / "cost", *few)
    midpo.run_ok("expert", "--kind", "both", "--reward-model", folder / "reward", "--cost-model",
                 folder / "cost", "--output", folder / "experts", *base, *few)
    midpo.run_ok("rank", "--policy", "labels", *base[2:], "--reward-model", folder / "reward",
                 "--output", folder / "d_dual.jsonl")
    return folder


def sft(toy, output, *more):
    return ("sft", "--model", toy / "init", "--data", toy / "sft.jsonl", "--output", output, *BATCH,
            *more)


def job(kind, toy, output):
    """The command line of a job that trains in one of the four ways gradients meet."""
    if kind == "sft":
        return sft(toy, output)
    rows = toy / ("d_dual.jsonl" if kind == "router" else "preferences_train.jsonl")
    base = ("--model", toy / "init", "--data", rows, "--output", output, *BATCH)
    if kind == "expert":
        return ("expert", "--kind", "safety", "--cost-model", toy / "cost", *base)
    if kind == "router":
        return ("router", "--safety-adapter", toy / "experts" / "safety", "--gate-width", "8",
                "--helpfulness-adapter", toy / "experts" / "helpfulness", *base)
    return (kind, *base)


def metrics_of(output):
    lines = Path(f"{output}.run/metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]


def weights_of(output):
    return (Path(output) / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ("expert", "router", "sft", "reward"))
def test_two_ranks_give_the_curve_of_one(kind, toy, midpo, tmp_path):
    for ranks in (1, 2):
        # Buckets far smaller than a layer's gradients: many are under way in each backward pass.
        midpo.run_ok(*job(kind, toy, tmp_path / str(ranks)), "--max-steps", "20", "--ranks", ranks,
                     "--rank-bucket-kib", "1")
    one, two = metrics_of(tmp_path / "1"), metrics_of(tmp_path / "2")
    assert len(one) == len(two) == 20
    for alone, together in zip(one, two):
        assert alone.keys() == together.keys()
        # Rounding only: sums of gradients depend on which rows a rank has, a norm sums over all.
        for name, tolerance in (("loss", 1e-5), ("grad_norm", 5e-5)):
            assert together[name] == pytest.approx(alone[name], rel=tolerance, abs=1e-7), (kind, alone)
        assert together["num_tokens"] == alone["num_tokens"]


@pytest.fixture(scope="module")
def unbroken(toy, midpo, tmp_path_factory):
    """Weights and metrics of a run on two ranks that nobody disturbed."""
    output = tmp_path_factory.mktemp("unbroken") / "sft"
    result = midpo.run_ok(*sft(toy, output, *LONG, "--ranks", "2"))
    return weights_of(output), metrics_of(output), result.stderr


def test_each_rank_says_what_memory_it_keeps(unbroken):
    lines = [line for line in unbroken[2].splitlines() if " learner_rank " in line]
    assert len(lines) == 2 and "rank=0" in lines[0] and "rank=1" in lines[1]
    fields = [dict(word.split("=") for word in line.split() if "=" in word) for line in lines]
    # fp32 values on every rank; two moments of half of them.
    for rank in fields:
        assert float(rank["moments_mib"]) == pytest.approx(float(rank["values_mib"]), rel=0.01)


def test_two_runs_on_two_ranks_are_equal(toy, midpo, unbroken, tmp_path):
    midpo.run_ok(*sft(toy, tmp_path / "again", *LONG, "--ranks", "2"))
    assert weights_of(tmp_path / "again") == unbroken[0]
    assert metrics_of(tmp_path / "again") == unbroken[1]


def children_of(pid):
    """Process numbers of the other ranks that a rank 0 has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"PPid:\t{pid}\n" in (entry / "status").read_text() \
                    and b"learner-rank" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_until(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_steps(output, steps):
    path = Path(f"{output}.run/metrics.jsonl")
    return path.exists() and path.read_text().count("\n") >= steps


@pytest.mark.parametrize("blow, reason", ((signal.SIGKILL, "killed by signal 9"),
                                          (signal.SIGSTOP, "no sign of life")))
def test_a_lost_rank_is_named_and_the_run_resumes_to_the_same_bits(blow, reason, toy, midpo,
                                                                   unbroken, tmp_path):
    output = tmp_path / "sft"
    arguments = sft(toy, output, *LONG, "--ranks", "2", "--rank-silence-seconds", "2")
    process = midpo.start(*arguments)
    wait_until(lambda: has_steps(output, 30), process)
    (rank,) = children_of(process.pid)
    os.kill(rank, blow)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < 10
    assert process.returncode == midpo.EXIT_FAILED
    assert b"rank 1" in errors and reason.encode() in errors, errors.decode()[-2000:]
    assert not Path(f"/proc/{rank}").exists(), "a rank outlived its run"
    midpo.run_ok(*arguments, "--resume")
    assert weights_of(output) == unbroken[0]
    assert metrics_of(output) == unbroken[1]


def test_a_rank_lost_while_rows_are_scored_is_named(midpo, tmp_path):
    program = midpo.BINARY.parent / "tests" / "support" / "stub_learn"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    rows = [{"prompt_ids": [5], "response_0_ids": [1, i], "response_1_ids": [2, i],
             "better_response_id": 0, "safer_response_id": 0, "is_response_0_safe": True,
             "is_response_1_safe": False} for i in range(900)]
    midpo.write_jsonl(tmp_path / "rows.jsonl", rows)
    for name in ("base", "reward", "cost"):
        (tmp_path / name).mkdir()
    process = subprocess.Popen(
        [program, "--data", tmp_path / "rows.jsonl", "--model", tmp_path / "base", "--reward-model",
         tmp_path / "reward", "--cost-model", tmp_path / "cost", "--output", tmp_path / "out",
         "--ranks", "2", "--scorers", "1", "--tile-us", "2000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: (tmp_path / "out.run" / "plan.json").exists(), process)
    ranks = children_of(process.pid)
    assert len(ranks) == 2, "each expert has ranks of its own"
    begin = time.monotonic()
    os.kill(ranks[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == midpo.EXIT_FAILED
    assert f"rank 1 (process {ranks[0]}) was killed by signal 9".encode() in errors, errors.decode()
    assert time.monotonic() - begin < 20, "it was only noticed when it was needed"


def test_ranks_do_not_outlive_rank_0(toy, midpo, tmp_path):
    process = midpo.start(*sft(toy, tmp_path / "sft", *LONG, "--ranks", "2"))
    wait_until(lambda: has_steps(tmp_path / "sft", 5), process)
    (rank,) = children_of(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{rank}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_signal_to_all_saves_a_checkpoint(toy, midpo, unbroken, tmp_path):
    output = tmp_path / "sft"
    arguments = sft(toy, output, *LONG, "--ranks", "2")
    process = midpo.start(*arguments, start_new_session=True)
    wait_until(lambda: has_steps(output, 30), process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == midpo.EXIT_STOPPED, errors.decode()
    midpo.run_ok(*arguments, "--resume")
    assert weights_of(output) == unbroken[0]


def test_another_number_of_ranks_resumes_to_rounding(toy, midpo, unbroken, tmp_path):
    output = tmp_path / "sft"
    process = midpo.start(*sft(toy, output, *LONG, "--ranks", "2"), start_new_session=True)
    wait_until(lambda: has_steps(output, 30), process)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    midpo.run_ok(*sft(toy, output, *LONG, "--ranks", "1"), "--resume")
    for resumed, whole in zip(metrics_of(output), unbroken[1]):
        assert resumed["loss"] == pytest.approx(whole["loss"], rel=1e-4)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_ranks_can_be_started_by_hand(toy, midpo, unbroken, tmp_path):
    meeting = ("--ranks", "2", "--rendezvous", f"tcp://127.0.0.1:{free_port()}")
    other = midpo.start("learner-rank", "--rank", "1", "--threads", "1", *meeting)
    midpo.run_ok(*sft(toy, tmp_path / "sft", *LONG, *meeting))
    _, errors = other.communicate(timeout=30)
    assert other.returncode == 0, errors.decode()
    assert weights_of(tmp_path / "sft") == unbroken[0]


def refused(midpo, *arguments, status=2):
    result = midpo.run(*arguments)
    assert result.returncode == status, result.stderr
    return result.stderr


def test_what_cannot_work_is_refused_by_name(toy, midpo, tmp_path):
    two = ("--ranks", "2", "--max-steps", "2")
    assert "rendezvous" in refused(midpo, "learner-rank", "--rank", "1", "--ranks", "2")
    assert "below ranks" in refused(midpo, "learner-rank", "--rank", "2", "--ranks", "2",
                                    "--rendezvous", "tcp://127.0.0.1:1")
    assert "all networks" in refused(midpo, *sft(toy, tmp_path / "a", *two, "--rendezvous",
                                                 "tcp://0.0.0.0:29400"))
    assert "compat" in refused(midpo, "dpo", "--model", toy / "init", "--data",
                               toy / "preferences_train.jsonl", "--output", tmp_path / "b", *BATCH,
                               "--compat", "published", *two)
    errors = refused(midpo, *sft(toy, tmp_path / "c", *two, "--rank-join-seconds", "1",
                                 "--rendezvous", f"tcp://127.0.0.1:{free_port()}"), status=1)
    assert "rank 1 did not come" in errors
