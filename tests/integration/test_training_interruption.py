# SPDX-License-Identifier: Apache-2.0
"""A training run that is killed or stopped at any moment ends in the same bytes once resumed.

The models are stubs (tests/support/stub_learn.cpp); actors, store, checkpoints and files are real.
"""
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import pytest

NUM_ROWS = 240
KINDS = ("safety", "helpfulness")
TAIL = {"--batch-size": 4, "--epochs": 2, "--save-steps": 5, "--learning-rate": 0.05,
        "--eval-steps": 20, "--scorers": 2}


@pytest.fixture(scope="module")
def program(midpo):
    path = midpo.BINARY.parent / "tests" / "support" / "stub_learn"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, midpo):
    """Rows of token ids, half of them with exactly one safe response, and folders for the stubs."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = random.Random(4)

    def row(i):
        safer = rng.randrange(2)
        return {"prompt_ids": [1000 + i], "better_response_id": rng.randrange(2),
                "response_0_ids": [1] + [rng.randrange(500) for _ in range(rng.randrange(1, 40))],
                "response_1_ids": [2] + [rng.randrange(500) for _ in range(rng.randrange(1, 40))],
                "safer_response_id": safer, "is_response_0_safe": i % 2 == 0 or safer == 0,
                "is_response_1_safe": i % 2 == 0 or safer == 1}

    midpo.write_jsonl(folder / "rows.jsonl", [row(i) for i in range(NUM_ROWS)])
    midpo.write_jsonl(folder / "eval.jsonl", [row(i) for i in range(20)])
    for name in ("base", "reward", "cost"):
        (folder / name).mkdir()
    return folder


def arguments(program, inputs, folder, **options):
    flags = {"--data": inputs / "rows.jsonl", "--eval-data": inputs / "eval.jsonl",
             "--model": inputs / "base", "--reward-model": inputs / "reward",
             "--cost-model": inputs / "cost", "--output": folder / "out", **TAIL, **options}
    return [str(program), "--resume", *(str(word) for pair in flags.items() for word in pair)]


def start(program, inputs, folder, **options):
    return subprocess.Popen(arguments(program, inputs, folder, **options), start_new_session=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def metrics_of(folder, kind):
    """metrics.jsonl without the times."""
    lines = (folder / "out.run" / kind / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]


def results_of(folder):
    """All that must not depend on interruptions."""
    results = {}
    for kind in KINDS:
        results[kind, "weights"] = (folder / "out" / kind / "stub.bin").read_bytes()
        results[kind, "metrics"] = metrics_of(folder, kind)
        checkpoints = folder / "out.run" / kind / "checkpoints"
        results[kind, "steps"] = sorted(path.name for path in checkpoints.iterdir())
        for path in checkpoints.glob("step-*/*"):
            results[kind, path.relative_to(checkpoints)] = path.read_bytes()
        manifest = json.loads((folder / "out.run" / kind / "manifest.json").read_text())
        results[kind, "rows"] = manifest["rows"]
    return results


@pytest.fixture(scope="module")
def expected(program, inputs, tmp_path_factory):
    """Results and duration of the run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.perf_counter()
    process = start(program, inputs, folder, **{"--step-us": 2000, "--tile-us": 500})
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    return results_of(folder), time.perf_counter() - begin


def plan_free(results):
    """Without what names the output's place: the plan's hash stands in trainer_state.json."""
    return {key: value for key, value in results.items()
            if not str(key[1]).endswith("trainer_state.json")
            and not str(key[1]).endswith(".midpo")}


def log_history(results, kind, step):
    state = next(value for key, value in results.items()
                 if key[0] == kind and str(key[1]) == f"{step}/trainer_state.json")
    return json.loads(state)["log_history"]


def assert_same(folder, expected):
    found = results_of(folder)
    assert plan_free(found) == plan_free(expected)
    for kind in KINDS:
        for step in expected[kind, "steps"]:
            assert log_history(found, kind, step) == log_history(expected, kind, step)


def kill_until_done(program, inputs, folder, rng, seconds, max_kills):
    kills = 0
    while True:
        process = start(program, inputs, folder, **{"--step-us": 2000, "--tile-us": 500})
        is_spent = kills >= max_kills
        try:
            _, errors = process.communicate(timeout=600 if is_spent else rng.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        assert process.returncode == 0, errors.decode()
        return kills


@pytest.mark.slow
def test_kills_at_any_moment_leave_the_same_bytes(program, inputs, expected, tmp_path):
    results, seconds = expected
    rng = random.Random(11)
    kills = 0
    while kills < 30:
        folder = tmp_path / f"after_{kills}"
        folder.mkdir()
        kills += kill_until_done(program, inputs, folder, rng, seconds, max_kills=8)
        assert_same(folder, results)
        shutil.rmtree(folder)


@pytest.mark.parametrize("signal_number", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_saves_a_checkpoint_and_exits_75(signal_number, midpo, program, inputs, expected,
                                                  tmp_path):
    process = start(program, inputs, tmp_path, **{"--step-us": 20000, "--save-steps": 0})
    metrics = tmp_path / "out.run" / "safety" / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < 3:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.005)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == midpo.EXIT_STOPPED, errors.decode()
    assert b"--resume" in errors
    steps = {kind: len(metrics_of(tmp_path, kind)) for kind in KINDS}
    for kind in KINDS:
        assert (tmp_path / "out.run" / kind / "checkpoints" / f"step-{steps[kind]}").is_dir()
    assert not (tmp_path / "out").exists(), "unfinished weights were published"
    process = start(program, inputs, tmp_path, **{"--save-steps": 0})
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    for kind in KINDS:
        assert metrics_of(tmp_path, kind) == expected[0][kind, "metrics"]
        weights = (tmp_path / "out" / kind / "stub.bin").read_bytes()
        assert weights == expected[0][kind, "weights"]


@pytest.mark.parametrize("limit_bytes", (9_000, 20_000, 40_000))
def test_a_file_size_limit_fails_by_name_and_resumes(limit_bytes, midpo, program, inputs, expected,
                                                     tmp_path):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    result = subprocess.run(arguments(program, inputs, tmp_path), capture_output=True, check=False,
                            preexec_fn=limit_files, restore_signals=False, timeout=120)
    assert result.returncode == midpo.EXIT_FAILED, result.stderr.decode()
    assert str(tmp_path).encode() in result.stderr and b"File too large" in result.stderr
    process = start(program, inputs, tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert_same(tmp_path, expected[0])


def test_a_step_that_never_ends_is_named_and_ends_the_run(midpo, program, inputs, expected,
                                                          tmp_path):
    result = subprocess.run(arguments(program, inputs, tmp_path, **{
        "--hang-step": 40, "--step-deadline-seconds": 0.5, "--task-deadline-seconds": 1}),
        capture_output=True, check=False, timeout=30)
    assert result.returncode == midpo.EXIT_FAILED, result.stderr.decode()
    assert b": not done after 0." in result.stderr or b": not done after 1" in result.stderr
    assert b"did not stop in time: " in result.stderr
    process = start(program, inputs, tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert_same(tmp_path, expected[0])


def test_a_damaged_checkpoint_is_passed_over(program, inputs, expected, tmp_path):
    process = start(program, inputs, tmp_path, **{"--step-us": 5000})
    checkpoints = tmp_path / "out.run" / "helpfulness" / "checkpoints"
    while not (checkpoints / "step-10").exists():
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    newest = max(checkpoints.glob("step-*[0-9]"), key=lambda path: int(path.name[5:]))
    state = bytearray((newest / "state.safetensors").read_bytes())
    state[100] ^= 1
    (newest / "state.safetensors").write_bytes(state)
    process = start(program, inputs, tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert b"checkpoint_passed_over" in errors and str(newest).encode() in errors
    assert_same(tmp_path, expected[0])


def test_two_runs_of_one_folder_do_not_meet(program, inputs, tmp_path):
    first = start(program, inputs, tmp_path, **{"--step-us": 20000})
    while not (tmp_path / "out.run" / "plan.json").exists():
        assert first.poll() is None, first.communicate()[1].decode()
        time.sleep(0.005)
    second = start(program, inputs, tmp_path)
    _, errors = second.communicate(timeout=30)
    assert second.returncode == 2, errors.decode()
    assert str(first.pid).encode() in errors
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
