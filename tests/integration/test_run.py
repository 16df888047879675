# SPDX-License-Identifier: Apache-2.0
"""midpo run: one overlapped run gives the bytes of its steps run one after the other.

Real (tiny) models for the bytes; stubs (tests/support/stub_pipeline.cpp) for timing and kills.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import time
import urllib.request

import pytest
import toy_world

STEPS = {"max_steps": 4, "batch_size": 4, "warmup_ratio": 0, "learning_rate": 1e-3}
SECTIONS = [word for section in ("expert", "router") for key, value in STEPS.items()
            for word in (f"--{section}.{key.replace('_', '-')}", value)]
MADE = ("d_dual.jsonl", "adapters/safety/adapter_model.safetensors",
        "adapters/helpfulness/adapter_model.safetensors", "router/router.safetensors")


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    """An untrained base model, score models of the same tokenizer, some preference rows."""
    folder = tmp_path_factory.mktemp("run_toy")
    toy_world.write_world(folder, argparse.Namespace(seed=4, sft_rows=8, preferences=60, prompts=4))
    short = ("--max-steps", 3, "--batch-size", 8, "--learning-rate", "1e-3", "--dtype", "float32")
    for name in ("reward", "cost"):
        midpo.run_ok(name, "--model", folder / "init", "--data",
                     folder / "preferences_train.jsonl", *short, "--output", folder / name)
    return folder


def shared(toy):
    return ("--model", toy / "init", "--reward-model", toy / "reward", "--cost-model",
            toy / "cost", "--data", toy / "preferences_train.jsonl", "--dtype", "float32")


def run_arguments(toy, output, *more):
    # The labels policy keeps rows whatever the untrained score models say.
    return ("run", *shared(toy), "--policy", "labels", "--output", output, *SECTIONS, *more)


@pytest.fixture(scope="module")
def overlapped(toy, midpo, tmp_path_factory):
    output = tmp_path_factory.mktemp("overlapped") / "run"
    midpo.run_ok(*run_arguments(toy, output))
    return output


def made(output):
    return [(output / name).read_bytes() for name in MADE]


def test_stage_after_stage_gives_the_same_bytes(toy, midpo, overlapped, tmp_path):
    midpo.run_ok(*run_arguments(toy, tmp_path / "run", "--sequential"))
    assert made(tmp_path / "run") == made(overlapped)


@pytest.mark.parametrize("scorers", [2, 5])
def test_more_scorers_give_the_same_bytes(toy, midpo, overlapped, tmp_path, scorers):
    midpo.run_ok(*run_arguments(toy, tmp_path / "run", "--scorers", scorers))
    assert made(tmp_path / "run") == made(overlapped)


def test_worker_processes_give_the_same_bytes(toy, midpo, overlapped, tmp_path):
    """Two of them score; the job itself only trains and ranks. It is started last."""
    address = f"tcp://127.0.0.1:{19600 + os.getpid() % 300}"
    workers = [midpo.start("worker", "--connect", address, "--name", f"w{i}", "--give-up-after", 8)
               for i in (0, 1)]
    midpo.run_ok(*run_arguments(toy, tmp_path / "run", "--listen", address))
    assert made(tmp_path / "run") == made(overlapped)
    ends = [worker.communicate(timeout=30) for worker in workers]
    # One that loads its models while the other does all the work never joins, and gives up.
    assert 0 in [worker.returncode for worker in workers], ends


def test_the_commands_one_by_one_give_the_same_bytes(toy, midpo, overlapped, tmp_path):
    options = [word for key, value in STEPS.items()
               for word in (f"--{key.replace('_', '-')}", value)]
    midpo.run_ok("rank", *shared(toy)[2:], "--policy", "labels", "--output",
                 tmp_path / "d_dual.jsonl")
    midpo.run_ok("expert", "--kind", "both", *shared(toy), "--output", tmp_path / "adapters",
                 *options)
    midpo.run_ok("router", "--model", toy / "init", "--dtype", "float32", "--safety-adapter",
                 tmp_path / "adapters/safety", "--helpfulness-adapter",
                 tmp_path / "adapters/helpfulness", "--data", tmp_path / "d_dual.jsonl",
                 "--output", tmp_path / "router", *options)
    assert made(tmp_path) == made(overlapped)


def test_the_manifest_accounts_for_every_row(overlapped):
    rows = json.loads((overlapped / "manifest.json").read_text())["rows"]
    assert rows["in"] == 60
    assert rows["in"] == rows["out"] + sum(rows["filtered"].values()) + rows["quarantined"]
    assert rows["out"] == len((overlapped / "d_dual.jsonl").read_text().splitlines())


def test_the_report_shows_how_the_stages_overlapped(midpo, overlapped, tmp_path):
    midpo.run_ok("report", "--run", f"run={overlapped}", "--output", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for word in ("<h2>Overlap</h2>", "run scorers (2)", "run safety expert", "run router"):
        assert word in page


def test_operations_lie_within_the_spans_of_actors(toy, midpo, overlapped, tmp_path):
    trace = tmp_path / "trace.json"
    midpo.run_ok(*run_arguments(toy, tmp_path / "run", "--trace", trace, "--trace-ops"))
    assert made(tmp_path / "run") == made(overlapped)
    events = json.loads(trace.read_text())
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    spans = [event for event in events if event["ph"] == "X"]
    ops = [span for span in spans if span.get("cat") == "op"]
    assert {"midpo::attend", "midpo::attend_backward", "midpo::rms_norm"} <= {op["name"] for op in ops}
    assert any(op["name"].startswith("aten::") for op in ops)
    steps = [span for span in spans if span["name"] == "step"]
    for step in steps:
        end = step["ts"] + step["dur"]
        assert any(op["tid"] == step["tid"] and step["ts"] <= op["ts"] <= op["ts"] + op["dur"] <= end + 1
                   for op in ops), tracks[step["tid"]]


@pytest.mark.parametrize("start", ("after_experts", "following"))
def test_a_ranking_that_keeps_no_row_is_named(toy, midpo, tmp_path, start):
    rows = [row for row in midpo.read_jsonl(toy / "preferences_train.jsonl")
            if row["better_response_id"] != row["safer_response_id"]]
    data = midpo.write_jsonl(tmp_path / "rows.jsonl", rows)
    words = [data if word == toy / "preferences_train.jsonl" else word
             for word in run_arguments(toy, tmp_path / "run", "--router.start", start)]
    result = midpo.run(*words)
    assert result.returncode == midpo.EXIT_USAGE
    assert "d_dual.jsonl: the ranking has kept no row" in result.stderr


def test_a_dry_run_prints_the_plan_and_leaves_nothing(toy, midpo, tmp_path):
    result = midpo.run_ok(*run_arguments(toy, tmp_path / "run", "--dry-run"))
    for word in ("reference-scorer", "safety expert", "rows/s expected", "weights on cpu"):
        assert word in result.stdout
    assert not (tmp_path / "run").exists()


def test_a_config_file_is_enough(toy, midpo, overlapped, tmp_path):
    (tmp_path / "pipeline.yaml").write_text((overlapped / "config.yaml").read_text())
    midpo.run_ok("run", tmp_path / "pipeline.yaml", "--output", tmp_path / "run")
    assert made(tmp_path / "run") == made(overlapped)


def test_a_finished_run_is_left_alone(toy, midpo, overlapped):
    before = made(overlapped)
    assert midpo.run(*run_arguments(toy, overlapped)).returncode == midpo.EXIT_USAGE
    midpo.run_ok(*run_arguments(toy, overlapped, "--resume"))
    assert made(overlapped) == before


# --- with stubs

NUM_ROWS = 200


@pytest.fixture(scope="module")
def program(midpo):
    path = midpo.BINARY.parent / "tests" / "support" / "stub_pipeline"
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, midpo):
    folder = tmp_path_factory.mktemp("stub_inputs")
    write_stub_inputs(folder, midpo, NUM_ROWS)
    return folder


def write_stub_inputs(folder, midpo, num_rows):
    """Rows of token ids with labels, and folders whose names are the stubs' salts."""
    rng = random.Random(4)

    def row(i):
        safer = rng.randrange(2)
        ids = [[1 + k] + [rng.randrange(500) for _ in range(rng.randrange(1, 40))] for k in (0, 1)]
        return {"prompt_ids": [1000 + i], "response_0_ids": ids[0], "response_1_ids": ids[1],
                "better_response_id": rng.choice((safer, rng.randrange(2))),
                "safer_response_id": safer, "is_response_0_safe": i % 2 == 0 or safer == 0,
                "is_response_1_safe": i % 2 == 0 or safer == 1}

    midpo.write_jsonl(folder / "rows.jsonl", [row(i) for i in range(num_rows)])
    for name in ("base", "reward", "cost"):
        (folder / name).mkdir()


def stub_command(program, inputs, output, *more):
    sections = [word for section in ("expert", "router")
                for word in (f"--{section}.batch-size", 8, f"--{section}.epochs", 2,
                             f"--{section}.learning-rate", 0.05, f"--{section}.save-steps", 7)]
    words = (program, "--data", inputs / "rows.jsonl", "--model", inputs / "base",
             "--reward-model", inputs / "reward", "--cost-model", inputs / "cost", "--policy",
             "labels", "--output", output, "--resume", *sections, *more)
    return [str(word) for word in words]


def stub_made(output):
    return [(output / name).read_bytes() for name in (
        "d_dual.jsonl", "adapters/safety/stub.bin", "adapters/helpfulness/stub.bin",
        "router/stub.bin")]


def run_stub(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def expected(program, inputs, tmp_path_factory):
    output = tmp_path_factory.mktemp("expected") / "run"
    run_stub(stub_command(program, inputs, output, "--sequential"))
    return stub_made(output)


@pytest.mark.parametrize("seed", range(5))
def test_jitter_changes_nothing(program, inputs, expected, tmp_path, seed):
    scorers = (1, 2, 5)[seed % 3]
    run_stub(stub_command(program, inputs, tmp_path / "run", "--scorers", scorers, "--jitter-us",
                          3000, "--jitter-seed", seed))
    assert stub_made(tmp_path / "run") == expected


def test_a_row_no_scorer_can_handle_is_quarantined(program, inputs, tmp_path):
    """One of the first rows, which the plan's calibration meets as well."""
    poison = ("--poison-token", 1001, "--on-bad-row", "quarantine")
    run_stub(stub_command(program, inputs, tmp_path / "apart", "--sequential", *poison))
    for scorers in (1, 5):
        run_stub(stub_command(program, inputs, tmp_path / str(scorers), "--scorers", scorers, *poison))
        assert stub_made(tmp_path / str(scorers)) == stub_made(tmp_path / "apart")
    rows = json.loads((tmp_path / "apart/manifest.json").read_text())["rows"]
    assert rows["quarantined"] == 1
    assert rows["in"] == rows["out"] + sum(rows["filtered"].values()) + 1
    line = json.loads((tmp_path / "apart/state/experts/quarantine.jsonl").read_text())
    assert (line["row"], line["line"]) == (1, 2)
    assert b"[1001]" not in stub_made(tmp_path / "apart")[0]


def test_a_kill_behind_the_ranking_quarantines_no_row_twice(program, inputs, tmp_path):
    command = stub_command(program, inputs, tmp_path / "run", "--poison-token", 1001,
                           "--on-bad-row", "quarantine", "--step-us", 20000)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "run/state/experts/ranking.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    run_stub(command)
    lines = (tmp_path / "run/state/experts/quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [1]


def test_a_plan_that_does_not_fit_is_refused(program, inputs, tmp_path):
    """Three score models of 300 GiB, and the transpose that both learners share, on 1,024."""
    command = stub_command(program, inputs, tmp_path / "run", "--model-mib", 300 << 10)
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 4
    assert ("cpu has 1048576 MiB free, the plan's weights need 1228800 MiB: reference 307200 MiB"
            in result.stderr)
    for model in ("reward", "cost", "its transpose"):
        assert f", {model} 307200 MiB" in result.stderr
    assert not (tmp_path / "run").exists()
    run_stub([*command, "--model-mib", str(100 << 10), "--dry-run"])


def run_under_kills(program, inputs, output, rng):
    """Kills the whole run at random moments until it comes to its end. Returns how often."""
    command = stub_command(program, inputs, output, "--step-us", 4000, "--row-us", 300)
    hits = 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.02, 0.6))
        if process.poll() is not None:
            assert process.returncode == 0
            return hits
        process.send_signal(signal.SIGKILL)
        process.wait()
        hits += 1


def test_kills_change_nothing(program, inputs, expected, tmp_path):
    rng, hits, runs = random.Random(8), 0, 0
    while hits < int(os.environ.get("MIDPO_RUN_KILLS", "6")):
        hits += run_under_kills(program, inputs, tmp_path / str(runs), rng)
        assert stub_made(tmp_path / str(runs)) == expected
        runs += 1


def test_a_run_can_be_watched(program, inputs, tmp_path):
    trace, port = tmp_path / "trace.json", 19464
    command = stub_command(program, inputs, tmp_path / "run", "--step-us", 20000, "--trace", trace,
                           "--metrics-address", f"127.0.0.1:{port}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    text = scrape(process, port)
    assert process.wait(timeout=60) == 0
    assert 'midpo_actor_rows_total{actor="safety expert"}' in text
    events = json.loads(trace.read_text())
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {"store", "feeder", "ranker", "safety expert", "router"} <= names
    assert {"scorer 0", "scorer 1", "scorer 2"} & names  # one can be too late for any tile
    # Arrows lead from a tile to its commit, and from a batch to its step.
    begun = {(e["cat"], e["id"]) for e in events if e["ph"] == "s"}
    ended = {(e["cat"], e["id"]) for e in events if e["ph"] == "t"}
    assert begun and begun == ended


def scrape(process, port):
    """The metrics once the experts train."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
            if "safety expert" in text:
                return text
        except OSError:
            pass
        time.sleep(0.05)
    return ""
