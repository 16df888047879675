# SPDX-License-Identifier: Apache-2.0
"""midpo run --mode online: what is trained depends on no timing, and on the weights it says."""
import json
import random
import shutil
import signal
import time

import online_world
import pytest
from online_world import NUM_ROUNDS, arguments, result_of


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    return online_world.write(midpo, tmp_path_factory.mktemp("online_toy"))


@pytest.fixture(scope="module")
def expected(toy, midpo, tmp_path_factory):
    """By max_staleness."""
    folder = tmp_path_factory.mktemp("online")
    for staleness in (0, 2):
        midpo.run_ok(*arguments(toy, folder / str(staleness), "--online.max-staleness", staleness))
    return folder


def test_it_trains_on_pairs_of_its_own_candidates(expected):
    rounds, metrics, _ = result_of(expected / "0")
    assert [line["step"] for line in metrics] == list(range(1, NUM_ROUNDS + 1))
    assert sum(line["pairs"] for line in metrics) > 0
    kept = sum(json.loads(line)["kept"] for text in rounds for line in text.splitlines())
    assert kept == sum(line["pairs"] for line in metrics)


def test_staleness_is_bounded_measured_and_stamped(expected):
    for staleness in (0, 2):
        rounds, metrics, _ = result_of(expected / str(staleness))
        lags = [line["policy_lag"] for line in metrics]
        assert lags == [min(step, staleness) for step in range(NUM_ROUNDS)]
        for step, text in enumerate(rounds):
            versions = {json.loads(line)["policy_version"] for line in text.splitlines()}
            assert versions == {step - lags[step]}
    assert result_of(expected / "0") != result_of(expected / "2")


def test_actors_and_timing_change_nothing(toy, midpo, expected, tmp_path):
    for staleness in (0, 2):
        output = tmp_path / str(staleness)
        midpo.run_ok(*arguments(toy, output, "--online.max-staleness", staleness, "--scorers", 2,
                                "--online.generators", 3))
        assert result_of(output) == result_of(expected / str(staleness))


@pytest.mark.parametrize("variable, value", (
    ("OMP_DYNAMIC", "true"), ("OMP_THREAD_LIMIT", "1"), ("OMP_MAX_ACTIVE_LEVELS", "0")))
def test_fewer_threads_than_asked_for_change_nothing(variable, value, toy, midpo, expected,
                                                     tmp_path, monkeypatch):
    monkeypatch.setenv(variable, value)
    midpo.run_ok(*arguments(toy, tmp_path / "run", "--online.max-staleness", 2,
                            "--online.generator-threads", 2))
    assert result_of(tmp_path / "run") == result_of(expected / "2")


def test_a_round_is_written_by_the_weights_it_names(toy, midpo, expected, tmp_path):
    output = tmp_path / "run"
    midpo.run_ok(*arguments(toy, output, "--online.max-staleness", 2, "--online.save-steps", 0))
    assert result_of(output) == result_of(expected / "2")
    online_world.check_last_round_by_hand(midpo, toy, output)


def test_kills_change_nothing(toy, midpo, expected, tmp_path):
    rng = random.Random(3)
    command = arguments(toy, tmp_path / "run", "--online.max-staleness", 2, "--resume")
    hits = 0
    for _ in range(6):
        process = midpo.start(*command)
        time.sleep(rng.uniform(0.2, 1.2))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            hits += 1
        process.communicate()
    midpo.run_ok(*command)
    assert hits > 0
    assert result_of(tmp_path / "run") == result_of(expected / "2")


def test_rounds_without_any_prompt_left_end(toy, midpo, tmp_path):
    (tmp_path / "run/state").mkdir(parents=True)
    midpo.write_jsonl(tmp_path / "run/state/quarantine.jsonl", [
        {"round": step, "row": row} for step in range(2) for row in range(24)])
    midpo.run_ok(*arguments(toy, tmp_path / "run", "--resume", "--online.max-staleness", 1))
    assert all(text == "" for text in result_of(tmp_path / "run")[0])
    rows = json.loads((tmp_path / "run/state/manifest.json").read_text())["rows"]
    assert (rows["in"], rows["out"], rows["quarantined"]) == (24, 0, 24)


def test_the_router_can_be_trained_online(toy, midpo, tmp_path):
    experts = online_world.router_arguments(toy)
    midpo.run_ok(*arguments(toy, tmp_path / "a", *experts))
    midpo.run_ok(*arguments(toy, tmp_path / "b", *experts, "--online.generators", 2))
    assert result_of(tmp_path / "a") == result_of(tmp_path / "b")
    assert (tmp_path / "a/policy/router.safetensors").exists()


@pytest.mark.parametrize("is_finished", (True, False))
@pytest.mark.parametrize("key, value", (
    ("online.learning-rate", "1e-3"), ("online.adam-beta1", 0.5), ("online.max-staleness", 0),
    ("generation.num-samples", 4), ("generation.ignore-eos", "true"), ("template", "published")))
def test_a_run_is_not_resumed_under_another_plan(key, value, is_finished, toy, midpo, expected,
                                                 tmp_path):
    shutil.copytree(expected / "2", tmp_path / "run")
    if not is_finished:
        (tmp_path / "run/state/manifest.json").unlink()
    before = result_of(tmp_path / "run")
    result = midpo.run(*arguments(toy, tmp_path / "run", "--resume", "--online.max-staleness", 2,
                                  "--set", f"{key.replace('-', '_')}={value}"))
    assert result.returncode == midpo.EXIT_USAGE
    assert key.split(".")[-1].replace("-", "_") in result.stderr
    assert result_of(tmp_path / "run") == before


def test_a_finished_run_is_left_alone(toy, midpo, expected, tmp_path):
    shutil.copytree(expected / "2", tmp_path / "run")
    result = midpo.run_ok(*arguments(toy, tmp_path / "run", "--resume", "--online.max-staleness", 2,
                                     "--online.generators", 3, "--scorers", 2))
    assert "already_finished" in result.stderr
    assert result_of(tmp_path / "run") == result_of(expected / "2")


def test_one_candidate_is_no_pair(toy, midpo, tmp_path):
    result = midpo.run(*arguments(toy, tmp_path / "run", "--generation.num-samples", 1))
    assert result.returncode == midpo.EXIT_USAGE
    assert "num_samples is 1" in result.stderr


@pytest.mark.parametrize("options", (
    ("--dry-run",), ("--sequential",), ("--eval-data", "x.jsonl"), ("--scores-output", "x.jsonl"),
    ("--router-device", "cpu")))
def test_options_of_the_offline_run_are_refused(options, toy, midpo, tmp_path):
    result = midpo.run(*arguments(toy, tmp_path / "run", *options))
    assert result.returncode == midpo.EXIT_USAGE
    assert options[0][2:].replace("-", "_") in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_version_is_named(toy, midpo, expected, tmp_path):
    shutil.copytree(expected / "2", tmp_path / "run")
    # Back to the checkpoint of step 4, whose next rounds need the weights of steps 2 and 3.
    shutil.rmtree(tmp_path / "run/state/checkpoints" / f"step-{NUM_ROUNDS}")
    (tmp_path / "run/state/manifest.json").unlink()
    shutil.rmtree(tmp_path / "run/policy")
    result = midpo.run(*arguments(toy, tmp_path / "run", "--online.max-staleness", 2, "--resume"))
    assert result.returncode == midpo.EXIT_USAGE
    assert "version 2" in result.stderr and "--overwrite" in result.stderr


def test_old_versions_go_while_a_run_is_resumed(toy, midpo, expected, tmp_path):
    """What a kill has kept from being removed: large, so that looking at it takes a while."""
    shutil.copytree(expected / "2", tmp_path / "run")
    state = tmp_path / "run/state"
    (state / "manifest.json").unlink()
    shutil.rmtree(tmp_path / "run/policy")
    for version, size in ((0, 1 << 29), (1, 1)):
        (state / f"weights/version-{version}").mkdir()
        with open(state / f"weights/version-{version}/adapter_model.safetensors", "wb") as out:
            out.truncate(size)
    midpo.run_ok(*arguments(toy, tmp_path / "run", "--online.max-staleness", 2, "--resume"))
    assert result_of(tmp_path / "run") == result_of(expected / "2")
    assert not (state / "weights/version-1").exists()
