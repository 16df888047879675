# SPDX-License-Identifier: Apache-2.0
"""What a long run meets besides crashes: terminals that close, folders that are moved, options that
are no longer those of the beginning. With stubs (tests/support/stub_pipeline.cpp)."""
import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from test_run import (inputs, made, program, run_arguments, run_stub, stub_command,  # noqa: F401
                      stub_made, toy)

SLOW = ("--step-us", 10_000, "--row-us", 500)
EXPERTS, ROUTER = "state/experts/safety/checkpoints", "state/router/checkpoints"


@pytest.fixture(scope="module")
def command(program, inputs):  # noqa: F811
    return lambda output, *more: stub_command(program, inputs, output, *more)


@pytest.fixture(scope="module")
def expected(command, tmp_path_factory):
    output = tmp_path_factory.mktemp("expected") / "run"
    run_stub(command(output, "--sequential"))
    return stub_made(output)


def wait_for(folder, process):
    """Until a checkpoint is there."""
    deadline = time.monotonic() + 40
    while not (folder.is_dir() and any(folder.iterdir())):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


def started(command, output, stage, **options):  # noqa: F811
    """A run in the middle of a stage."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    process = subprocess.Popen(command(output, *SLOW), **streams)
    wait_for(output / stage, process)
    return process


def test_a_terminal_that_closes_costs_nothing(command, expected, tmp_path):
    process = started(command, tmp_path / "run", EXPERTS)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 75
    run_stub(command(tmp_path / "run"))
    assert stub_made(tmp_path / "run") == expected


def test_under_nohup_a_terminal_may_close(command, expected, tmp_path):
    process = started(command, tmp_path / "run", EXPERTS,
                      preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=40) == 0
    assert stub_made(tmp_path / "run") == expected


def test_a_reader_of_the_log_that_is_gone_costs_nothing(command, expected, tmp_path):
    """Ctrl-C ends tee, too, in `midpo run ... 2>&1 | tee log`."""
    process = started(command, tmp_path / "run", EXPERTS, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT)
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 75
    run_stub(command(tmp_path / "run"))
    assert stub_made(tmp_path / "run") == expected


@pytest.mark.parametrize("stage", [EXPERTS, ROUTER])
def test_a_run_goes_on_where_it_was_copied_to(command, expected, tmp_path, stage):
    process = started(command, tmp_path / "here", stage)
    process.terminate()
    assert process.wait(timeout=20) == 75
    # As cp -r does: everything is younger than it was.
    shutil.copytree(tmp_path / "here", tmp_path / "there", copy_function=shutil.copyfile)
    shutil.rmtree(tmp_path / "here")
    run_stub(command(tmp_path / "there"))
    assert stub_made(tmp_path / "there") == expected


def test_a_dataset_may_be_copied_but_not_changed(command, expected, inputs,  # noqa: F811
                                                 tmp_path):
    def elsewhere(output, *more):
        words = command(output, *more)
        words[words.index("--data") + 1] = str(tmp_path / "rows.jsonl")
        return words

    process = started(command, tmp_path / "run", EXPERTS)
    process.terminate()
    assert process.wait(timeout=20) == 75
    rows = (inputs / "rows.jsonl").read_text()
    (tmp_path / "rows.jsonl").write_text(rows.replace("[1100]", "[1101]"))
    refused(elsewhere, tmp_path / "run", "data was")
    (tmp_path / "rows.jsonl").write_text(rows)
    run_stub(elsewhere(tmp_path / "run"))
    assert stub_made(tmp_path / "run") == expected


def refused(command, output, words, *more):
    before = (output / "config.yaml").read_bytes()
    result = subprocess.run(command(output, *more), capture_output=True, text=True, timeout=60,
                            check=False)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr
    assert (output / "config.yaml").read_bytes() == before, "it still says what the run is made by"


CHANGES = (("--expert.beta", 0.3, "learners.safety expert.beta was 0.1, is 0.3"),
           ("--expert.batch-size", 4, "steps.batch_size was 8, is 4"),
           ("--policy", "dual", 'policy was "labels", is "dual"'))


@pytest.mark.parametrize("stage", [EXPERTS, ROUTER])
def test_an_option_that_changed_is_named_in_every_stage(command, tmp_path, stage):
    process = started(command, tmp_path / "run", stage)
    process.terminate()
    assert process.wait(timeout=20) == 75
    for option, value, words in CHANGES:
        refused(command, tmp_path / "run", words, option, value)


def test_an_option_that_changed_is_named_behind_the_end(command, tmp_path):
    run_stub(command(tmp_path / "run"))
    for option, value, words in (*CHANGES, ("--router.beta", 0.3, "learners.router.beta was 0.1")):
        refused(command, tmp_path / "run", words, option, value)
    assert os.path.exists(tmp_path / "run/manifest.json")
    run_stub(command(tmp_path / "run", "--scorers", 3))


@pytest.mark.parametrize("stage", [EXPERTS, ROUTER])
def test_a_second_process_keeps_out_in_every_stage(command, expected, tmp_path, stage):
    process = started(command, tmp_path / "run", stage)
    anew = [word for word in command(tmp_path / "run", "--overwrite") if word != "--resume"]
    for words in (anew, command(tmp_path / "run")):
        result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 2, result.stderr
        assert f"held by process {process.pid}" in result.stderr
    assert process.wait(timeout=40) == 0
    assert stub_made(tmp_path / "run") == expected


def test_the_trace_counts_each_ranked_row_once(command, tmp_path):
    run_stub(command(tmp_path / "run", "--trace", tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())
    ranked = [event["args"]["rows"] for event in events if event.get("name") == "rank"]
    rows = json.loads((tmp_path / "run/manifest.json").read_text())["rows"]
    assert sum(ranked) == rows["in"]


def test_signals_do_not_hit_what_computes(midpo, toy, tmp_path):  # noqa: F811
    """oneDNN's kernels keep their stack pointer in the heap, where a handler's frame would land."""
    process = midpo.start(*run_arguments(toy, tmp_path / "run"))
    while not (tmp_path / "run/state/experts/plan.json").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    deadline = time.monotonic() + 120
    while process.poll() is None:
        assert time.monotonic() < deadline
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.002)
    assert process.returncode == 0, process.communicate()
    midpo.run_ok(*run_arguments(toy, tmp_path / "undisturbed"))
    assert made(tmp_path / "run") == made(tmp_path / "undisturbed")


@pytest.mark.parametrize("terminal, can_redraw", (("xterm", True), ("dumb", False)))
def test_only_a_terminal_that_can_is_drawn_on(terminal, can_redraw, command, tmp_path):
    screen, stderr = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    process = subprocess.Popen(command(tmp_path / "run", "--step-us", 5000),
                               stdout=subprocess.DEVNULL, stderr=stderr,
                               env={**environment, "TERM": terminal})
    os.close(stderr)
    text = b""
    try:
        while chunk := os.read(screen, 1 << 16):
            text += chunk
    except OSError:  # as Linux says that nobody writes any more
        pass
    os.close(screen)
    assert process.wait(timeout=30) == 0, text
    assert (b"\x1b[" in text) == can_redraw, text
    assert b"100" in text
