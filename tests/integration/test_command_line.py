# SPDX-License-Identifier: Apache-2.0
"""The contract of the command line: exit codes, help, run folders, what is never overwritten."""
import json
import shutil
import signal
import subprocess
import time

import pytest

COMMANDS = ("rank", "score", "logprob", "tokenize", "inspect")


def rank(midpo, world, folder, **options):
    return midpo.run(*midpo.rank_arguments(world, world / "rows.jsonl", folder / "out.jsonl",
                                           dtype="float32", **options))


@pytest.fixture(scope="module")
def finished(midpo, world, tmp_path_factory):
    """A folder with a finished run: out.jsonl and out.jsonl.run."""
    folder = tmp_path_factory.mktemp("finished")
    result = rank(midpo, world, folder, scores_output=folder / "scores.jsonl")
    assert result.returncode == midpo.EXIT_DONE, result.stderr
    return folder


@pytest.mark.parametrize("arguments", ([], ["--help"], *([name, "--help"] for name in COMMANDS)))
def test_help_answers_within_50_ms(arguments, midpo):
    times = []
    for _ in range(10):
        start = time.perf_counter()
        result = midpo.run(*arguments)
        times.append(time.perf_counter() - start)
    assert result.returncode == midpo.EXIT_DONE
    assert "midpo" in result.stdout and not result.stderr
    assert min(times) < 0.05


def test_every_listed_command_has_a_help(midpo):
    listed = midpo.run_ok("--help").stdout.split("midpo COMMAND --help")[1]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")]
    assert {"rank", "learner-rank", "completion"} <= set(names)
    for name in names:
        assert f"midpo {name}" in midpo.run_ok(name, "--help").stdout


def test_version(midpo):
    assert midpo.run_ok("--version").stdout.startswith("midpo ")


@pytest.mark.parametrize(("arguments", "suggestion"), (
    (["rank", "--reward-modle", "x"], "reward-model"),
    (["rnak"], "rank"),
    (["rank", "--set", "max_lenght=5"], "max_length"),
    (["score", "--modle", "x"], "model"),
))
def test_an_unknown_word_is_refused_with_the_nearest_one(arguments, suggestion, midpo):
    result = midpo.run(*arguments)
    assert result.returncode == midpo.EXIT_USAGE
    assert suggestion in result.stderr.replace("_", "-") or suggestion in result.stderr


@pytest.mark.parametrize("options", (
    {"policy": "duel"}, {"dtype": "float8"}, {"max_length": "0"}, {"max_length": "many"},
    {"device": "tpu"}, {"template": "chatml"}, {"on_bad_row": "ignore"}, {"scorers": "-1"}))
def test_a_wrong_value_is_refused_by_name(options, midpo, world, tmp_path):
    result = midpo.run(*midpo.rank_arguments(world, world / "rows.jsonl", tmp_path / "out.jsonl",
                                             **options))
    ((name, value),) = options.items()
    assert result.returncode == midpo.EXIT_USAGE
    assert (name in result.stderr or name.replace("_", "-") in result.stderr), result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_missing_required_option_is_named(midpo):
    result = midpo.run("rank", "--output", "x")
    assert result.returncode == midpo.EXIT_USAGE and "data" in result.stderr


def test_an_absent_gpu_is_an_environment_error(midpo, world, tmp_path):
    result = rank(midpo, world, tmp_path, device="cuda:63")
    assert result.returncode == midpo.EXIT_ENVIRONMENT
    assert "cuda" in result.stderr.lower()


def test_both_spellings_of_a_flag_work(midpo, world, tmp_path):
    midpo.run_ok("rank", "--data", world / "rows.jsonl", "--reward_model", world / "reward",
                 "--cost_model", world / "cost", "--output", tmp_path / "out.jsonl", "--max_length",
                 "128", "--dtype", "float32")


def test_the_run_folder_holds_what_is_promised(finished):
    names = {path.name for path in (finished / "out.jsonl.run").iterdir()}
    assert {"config.yaml", "run.db", "manifest.json", "metrics.jsonl", "log.jsonl"} <= names
    assert not list(finished.rglob("*.partial")) and not list(finished.rglob("*.tmp"))


def test_the_manifest_accounts_for_every_row(midpo, world, finished):
    manifest = json.loads((finished / "out.jsonl.run" / "manifest.json").read_text())
    rows = manifest["rows"]
    assert rows["in"] == len(midpo.read_jsonl(world / "rows.jsonl"))
    assert rows["in"] == rows["out"] + sum(rows["filtered"].values()) + rows["quarantined"]
    assert rows["out"] == len(midpo.read_jsonl(finished / "out.jsonl"))


def test_every_log_line_and_metric_is_json(midpo, finished):
    for name in ("log.jsonl", "metrics.jsonl"):
        midpo.read_jsonl(finished / "out.jsonl.run" / name)
    assert midpo.read_jsonl(finished / "out.jsonl.run" / "metrics.jsonl")


def test_a_finished_run_is_resumed_under_its_own_plan_only(midpo, world, tmp_path):
    assert rank(midpo, world, tmp_path).returncode == midpo.EXIT_DONE
    assert rank(midpo, world, tmp_path, resume=True).returncode == midpo.EXIT_DONE
    other = rank(midpo, world, tmp_path, resume=True, policy="labels")
    assert other.returncode == midpo.EXIT_USAGE and 'policy was "dual", is "labels"' in other.stderr


def test_a_finished_run_is_not_overwritten(midpo, world, finished):
    before = (finished / "out.jsonl").read_bytes()
    result = rank(midpo, world, finished, scores_output=finished / "scores.jsonl")
    assert result.returncode == midpo.EXIT_USAGE
    assert "--overwrite" in result.stderr
    assert (finished / "out.jsonl").read_bytes() == before


def test_resuming_a_finished_run_ends_at_once(midpo, world, finished):
    before = (finished / "out.jsonl").stat().st_mtime_ns
    result = rank(midpo, world, finished, scores_output=finished / "scores.jsonl", resume=True)
    assert result.returncode == midpo.EXIT_DONE
    assert (finished / "out.jsonl").stat().st_mtime_ns == before


def test_a_file_of_someone_else_is_not_overwritten(midpo, world, tmp_path):
    (tmp_path / "out.jsonl").write_text("precious\n")
    result = rank(midpo, world, tmp_path)
    assert result.returncode == midpo.EXIT_USAGE
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"


def test_overwrite_gives_the_same_bytes_again(midpo, world, tmp_path):
    assert rank(midpo, world, tmp_path).returncode == midpo.EXIT_DONE
    first = (tmp_path / "out.jsonl").read_bytes()
    result = rank(midpo, world, tmp_path, overwrite=True)
    assert result.returncode == midpo.EXIT_DONE, result.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == first


@pytest.mark.parametrize("output", ("output", "scores_output"))
def test_overwrite_does_not_remove_the_input(output, midpo, world, tmp_path):
    rows = tmp_path / "rows.jsonl"
    shutil.copy(world / "rows.jsonl", rows)
    (tmp_path / "link.jsonl").symlink_to(rows)
    outputs = {"output": tmp_path / "out.jsonl", output: tmp_path / "link.jsonl"}
    result = midpo.run(*midpo.rank_arguments(world, rows, overwrite=True, **outputs))
    assert result.returncode == midpo.EXIT_USAGE and "is also read" in result.stderr
    assert rows.read_bytes() == (world / "rows.jsonl").read_bytes()


def test_resume_on_nothing_starts_fresh(midpo, world, finished, tmp_path):
    result = rank(midpo, world, tmp_path, resume=True)
    assert result.returncode == midpo.EXIT_DONE, result.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == (finished / "out.jsonl").read_bytes()


def test_the_resolved_config_reproduces_the_run(midpo, finished, tmp_path):
    config = finished / "out.jsonl.run" / "config.yaml"
    result = midpo.run("rank", "--config", config, "--output", tmp_path / "out.jsonl",
                       "--scores-output", tmp_path / "scores.jsonl", "--run-dir", tmp_path / "run")
    assert result.returncode == midpo.EXIT_DONE, result.stderr
    for name in ("out.jsonl", "scores.jsonl"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_a_run_that_could_not_begin_needs_no_clean_up(midpo, world, tmp_path):
    result = midpo.run(*midpo.rank_arguments(tmp_path / "nowhere", world / "rows.jsonl",
                                             tmp_path / "out.jsonl", dtype="float32"))
    assert result.returncode == midpo.EXIT_USAGE
    assert rank(midpo, world, tmp_path).returncode == midpo.EXIT_DONE


def interrupted_run(midpo, world, folder, **options):
    """A run that was killed after it had recorded its plan."""
    arguments = midpo.rank_arguments(world, world / "rows.jsonl", folder / "out.jsonl",
                                     dtype="float32", **options)
    process = midpo.start(*arguments)
    deadline = time.monotonic() + 30
    while not (folder / "out.jsonl.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not (folder / "out.jsonl.run" / "manifest.json").exists(), "killed too late"


@pytest.mark.parametrize(("option", "value"), (
    ("policy", "scores"), ("max_length", 64), ("template", "published"), ("dtype", "bfloat16")))
def test_a_run_is_not_resumed_under_another_plan(option, value, midpo, long_world, tmp_path):
    interrupted_run(midpo, long_world, tmp_path, on_bad_row="quarantine")
    options = {"dtype": "float32", "on_bad_row": "quarantine", "resume": True, option: value}
    result = midpo.run(*midpo.rank_arguments(long_world, long_world / "rows.jsonl",
                                             tmp_path / "out.jsonl", **options))
    assert result.returncode == midpo.EXIT_USAGE
    assert ("models" if option == "dtype" else option) in result.stderr


def test_an_unfinished_run_is_not_restarted_by_accident(midpo, long_world, tmp_path):
    interrupted_run(midpo, long_world, tmp_path, on_bad_row="quarantine")
    result = rank(midpo, long_world, tmp_path, on_bad_row="quarantine")
    assert result.returncode == midpo.EXIT_USAGE
    assert "--resume" in result.stderr


def test_two_processes_cannot_share_a_run(midpo, long_world, tmp_path):
    arguments = midpo.rank_arguments(long_world, long_world / "rows.jsonl", tmp_path / "out.jsonl",
                                     dtype="float32", on_bad_row="quarantine", resume=True)
    first = midpo.start(*arguments)
    deadline = time.monotonic() + 30
    while not (tmp_path / "out.jsonl.partial").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    second = midpo.run(*arguments)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == midpo.EXIT_DONE, errors.decode()
    assert second.returncode == midpo.EXIT_USAGE
    assert str(first.pid) in second.stderr


@pytest.mark.parametrize("words", (("--help",), ("inspect", "reward"), ("score", "--model", "reward",
                                                                         "--data", "rows.jsonl")))
def test_results_on_a_full_disk_are_an_error(words, midpo, world):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = subprocess.run(midpo.command(*words), stdout=full, stderr=subprocess.PIPE,
                                text=True, cwd=world, check=False)
    assert result.returncode == midpo.EXIT_FAILED
    assert "storage error: stdout: write failed: No space left on device" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error(midpo, world):
    with midpo.start("inspect", world / "reward") as process:
        process.stdout.close()
        assert process.wait(timeout=30) in (0, -signal.SIGPIPE)


def test_results_go_to_stdout_and_logs_to_stderr(midpo, world, tmp_path):
    data = midpo.write_jsonl(tmp_path / "ids.jsonl", [{"ids": [1, 5, 6]}, {"ids": [1, 7, 2]}])
    result = midpo.run_ok("score", "--model", world / "cost", "--data", data)
    assert [list(line) for line in midpo.json_lines(result.stdout)] == [["score"], ["score"]]
