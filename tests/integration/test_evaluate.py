# SPDX-License-Identifier: Apache-2.0
"""midpo evaluate, arena and report as users run them."""
import http.server
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def responses(midpo, world, tmp_path_factory):
    """The first and the second responses of the world's rows, as two files."""
    folder = tmp_path_factory.mktemp("responses")
    rows = [row for row in midpo.read_jsonl(world / "rows.jsonl")
            if isinstance(row["prompt"], str)][:80]
    return [midpo.write_jsonl(folder / f"{i}.jsonl", [
        {"prompt": row["prompt"], "response": row[f"response_{i}"]} for row in rows])
        for i in (0, 1)]


def judge_command(folder, code):
    """An external judge; `line` is what it is asked, `put` answers."""
    path = folder / "judge.py"
    path.write_text("import json, sys, time\n"
                    "put = lambda value: print(json.dumps(value), flush=True)\n"
                    "for line in sys.stdin:\n"
                    "    row = json.loads(line)\n" + code)
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


LENGTH_JUDGE = "    put({'helpful': len(row['response']) / 100, 'safe': 'acid' not in line})\n"


def summary(path):
    return json.loads(path.with_suffix(".summary.json").read_text())


def test_scores_are_those_of_the_score_command(midpo, world, responses, tmp_path):
    midpo.run_ok("evaluate", "--data", responses[0], "--reward-model", world / "reward",
                 "--cost-model", world / "cost", "--output", tmp_path / "scores.jsonl")
    lines = midpo.read_jsonl(tmp_path / "scores.jsonl")
    for name in ("reward", "cost"):
        alone = midpo.json_lines(midpo.run_ok("score", "--model", world / name, "--data",
                                              responses[0]).stdout)
        assert [line[name] for line in lines] == [line["score"] for line in alone]
    means = summary(tmp_path / "scores.jsonl")["all"]
    assert means["reward"]["mean"] == pytest.approx(sum(x["reward"] for x in lines) / len(lines))
    assert means["safe_by_cost"]["mean"] == sum(x["cost"] < 0 for x in lines) / len(lines)
    assert means["cost"]["low"] < means["cost"]["mean"] < means["cost"]["high"]


def test_a_file_ties_with_itself(midpo, world, responses):
    result = midpo.run_ok("arena", "--first", responses[0], "--second", responses[0],
                          "--reward-model", world / "reward")
    cells = result.stdout.split("reward", 1)[1].split()
    assert cells[:4] == ["0", "80", "0", "0.500"]


def test_win_rates_count_every_pair(midpo, world, responses, tmp_path):
    midpo.run_ok("evaluate", "--data", responses[0], "--against", responses[1], "--cost-model",
                 world / "cost", "--output", tmp_path / "a.jsonl")
    midpo.run_ok("evaluate", "--data", responses[1], "--against", responses[0], "--cost-model",
                 world / "cost", "--output", tmp_path / "b.jsonl")
    ours = summary(tmp_path / "a.jsonl")["against"]["axes"]["cost"]
    theirs = summary(tmp_path / "b.jsonl")["against"]["axes"]["cost"]
    assert (ours["wins"], ours["losses"]) == (theirs["losses"], theirs["wins"])
    assert ours["wins"] + ours["ties"] + ours["losses"] == 80
    costs = [[x["cost"] for x in midpo.read_jsonl(tmp_path / f"{name}.jsonl")] for name in "ab"]
    assert ours["wins"] == sum(a < b for a, b in zip(*costs))


def test_an_external_judge_is_asked_in_order(midpo, responses, tmp_path):
    midpo.run_ok("evaluate", "--data", responses[0], "--judge",
                 judge_command(tmp_path, LENGTH_JUDGE), "--output", tmp_path / "out.jsonl")
    for line in midpo.read_jsonl(tmp_path / "out.jsonl"):
        assert line["helpful"] == pytest.approx(len(line["response"]) / 100)
        assert line["safe"] in (0.0, 1.0)


def test_kinds_of_a_judge_are_averaged_apart(midpo, responses, tmp_path):
    code = ("    is_odd = len(line) % 2\n"
            "    put({'helpful': is_odd, 'kind': 'odd' if is_odd else 'even'})\n")
    midpo.run_ok("evaluate", "--data", responses[0], "--judge", judge_command(tmp_path, code),
                 "--output", tmp_path / "out.jsonl")
    kinds = summary(tmp_path / "out.jsonl")["by_kind"]
    assert kinds["odd"]["helpful"]["mean"] == 1.0 and kinds["even"]["helpful"]["mean"] == 0.0


@pytest.mark.parametrize(("code", "words"), (
    ("    sys.exit('out of coffee')\n", "ended with status 1"),
    ("    print('maybe', flush=True)\n", "line 1"),
    ("    put({'safe': 1}); break\n", "gave 1 answers to 80"),
    ("    time.sleep(60)\n", "not done after"),
))
def test_a_judge_that_fails_is_named(code, words, midpo, responses, tmp_path):
    result = midpo.run("evaluate", "--data", responses[0], "--judge",
                       judge_command(tmp_path, code), "--judge-deadline-seconds", 3, "--output",
                       tmp_path / "out.jsonl")
    assert result.returncode in (midpo.EXIT_FAILED, midpo.EXIT_USAGE)
    assert "judge.py" in result.stderr and words in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def wait_until(is_so, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(") ", 1)[1][0] != "Z"


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGKILL))
def test_a_judge_does_not_outlive_the_command(number, midpo, responses, tmp_path):
    pid_file = tmp_path / "pid"
    judge = f"echo $$ >{pid_file}.new; mv {pid_file}.new {pid_file}; sleep 60; true"
    with midpo.start("evaluate", "--data", responses[0], "--judge", judge) as process:
        wait_until(pid_file.exists)
        process.send_signal(number)
    judge_pid = int(pid_file.read_text())
    wait_until(lambda: not is_running(judge_pid))


class ChatHandler(http.server.BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint that prefers the longer answer; each second reply is a 503."""
    requests = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, self.headers.get("Authorization"), body["model"]))
        if len(self.requests) % 2:
            self.send_response(503)
            self.end_headers()
            return
        text = body["messages"][0]["content"]
        first, second = text.split("Answer A:\n")[1].split("\n\nAnswer B:\n")
        winner = "A" if len(first) > len(second.strip("\n")) else "B"
        content = json.dumps({"helpful": winner, "safe": "A"})
        reply = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint():
    ChatHandler.requests = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ChatHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()


def test_an_endpoint_compares_and_its_failures_are_retried(midpo, endpoint, tmp_path):
    files = [midpo.write_jsonl(tmp_path / f"{i}.jsonl", [
        {"prompt": "p", "response": text} for text in texts])
        for i, texts in enumerate((("long answer", "x"), ("short", "longer")))]
    env = {**os.environ, "OPENAI_API_KEY": "the-key"}
    command = midpo.command("arena", "--first", files[0], "--second", files[1], "--judge-url",
                            endpoint, "--judge-model", "toy", "--judge-connections", 1)
    result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60,
                            check=True)
    helpful = result.stdout.split("helpful by toy", 1)[1].split()
    safe = result.stdout.split("safe by toy", 1)[1].split()
    assert helpful[:3] == ["1", "0", "1"]
    assert safe[:3] == ["0", "2", "0"]  # it always says A: a tie once the order is swapped
    assert ("/v1/chat/completions", "Bearer the-key", "toy") in ChatHandler.requests
    assert "the-key" not in result.stdout + result.stderr


def test_an_endpoint_that_is_not_there_is_an_error(midpo, tmp_path):
    file = midpo.write_jsonl(tmp_path / "r.jsonl", [{"prompt": "p", "response": "r"}])
    result = midpo.run("arena", "--first", file, "--second", file, "--judge-url",
                       "http://127.0.0.1:1", "--judge-model", "m", "--judge-attempts", 2)
    assert result.returncode == midpo.EXIT_FAILED
    assert "http://127.0.0.1:1" in result.stderr and "2 attempts" in result.stderr


@pytest.mark.parametrize(("arguments", "words"), (
    ((), "nothing to evaluate with"),
    (("--judge-url", "http://x", "--judge-model", "m"), "--against"),
    (("--reward-model", "nowhere"), "nowhere"),
))
def test_what_is_missing_is_named(arguments, words, midpo, responses):
    result = midpo.run("evaluate", "--data", responses[0], *arguments)
    assert result.returncode == midpo.EXIT_USAGE
    assert words in result.stderr


def test_an_endpoint_needs_the_name_of_its_model(midpo, responses):
    result = midpo.run("arena", "--first", responses[0], "--second", responses[1], "--judge-url",
                       "http://x")
    assert result.returncode == midpo.EXIT_USAGE and "--judge-model" in result.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory, midpo):
    """Two untrained language models, a mixture's parts on the first, and prompts."""
    import argparse
    import toy_world
    folder = tmp_path_factory.mktemp("models")
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=4, preferences=8, prompts=6))
    toy_world.write_init(folder / "other", 4)
    midpo.run_ok("dpo", "--model", folder / "init", "--data", folder / "preferences_train.jsonl",
                 "--output", folder / "adapter", "--max-steps", 1, "--learning-rate", 1e-2,
                 "--dtype", "float32", "--warmup-ratio", 0)
    return folder


def arena_of_models(models, output, *more):
    return ("arena", "--model-a", models / "init", "--model-b", models / "other", "--data",
            models / "prompts_test.jsonl", "--output", output, "--max-new-tokens", 8, *more)


def test_two_models_write_and_are_compared(midpo, models, tmp_path):
    judge = ("--judge", judge_command(tmp_path, LENGTH_JUDGE))
    by_models = midpo.run_ok(*arena_of_models(models, tmp_path / "out", *judge))
    for side, model in (("a", "init"), ("b", "other")):
        midpo.run_ok("generate", "--model", models / model, "--data",
                     models / "prompts_test.jsonl", "--output", tmp_path / f"{side}.jsonl",
                     "--max-new-tokens", 8)
        assert ((tmp_path / "out" / f"{side}.jsonl").read_bytes()
                == (tmp_path / f"{side}.jsonl").read_bytes())
    by_files = midpo.run_ok("arena", "--first", tmp_path / "a.jsonl", "--second",
                            tmp_path / "b.jsonl", *judge)
    assert by_models.stdout == by_files.stdout and "helpful" in by_files.stdout


def test_a_side_may_be_an_adapter_or_a_mixture_and_resumes(midpo, models, tmp_path):
    arguments = arena_of_models(
        models, tmp_path / "out", "--judge", judge_command(tmp_path, LENGTH_JUDGE),
        "--adapter-a", models / "adapter", "--model-b", models / "init", "--safety-adapter-b",
        models / "adapter", "--helpfulness-adapter-b", models / "adapter", "--mixture-b", "1,0")
    same = midpo.run_ok(*arguments)
    assert same.stdout.split("helpful", 1)[1].split()[:4] == ["0", "6", "0", "0.500"]
    assert midpo.run_ok(*arguments, "--resume").stdout == same.stdout
    result = midpo.run(*arguments)
    assert result.returncode == midpo.EXIT_USAGE and "--overwrite" in result.stderr


@pytest.mark.parametrize("more", (("--first", "x"), ("--model-a", "x", "--model-b", "x"),
                                  ("--model-a", "x", "--data", "x", "--output", "x"), ()))
def test_arena_says_which_sides_it_wants(more, midpo):
    result = midpo.run("arena", "--judge", "true", *more)
    assert result.returncode == midpo.EXIT_USAGE and "give" in result.stderr


def test_files_of_other_requests_are_not_compared(midpo, world, responses, tmp_path):
    rows = midpo.read_jsonl(responses[1])
    rows[3]["prompt"] = "something else"
    other = midpo.write_jsonl(tmp_path / "other.jsonl", rows)
    result = midpo.run("arena", "--first", responses[0], "--second", other, "--cost-model",
                       world / "cost")
    assert result.returncode == midpo.EXIT_USAGE and "row 3" in result.stderr


def test_report_shows_what_evaluate_wrote(midpo, responses, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        midpo.run_ok("evaluate", "--data", responses[0], "--judge",
                     judge_command(tmp_path, LENGTH_JUDGE), "--output",
                     tmp_path / name / "scores.jsonl")
    arguments = ["report", "--run", f"one={tmp_path / 'one'}", f"two={tmp_path / 'two'}",
                 "--output"]
    for _ in ("new", "replaced"):
        midpo.run_ok(*arguments, tmp_path / "report.html")
    (tmp_path / "thesis.html").write_text("precious")
    result = midpo.run(*arguments, tmp_path / "thesis.html")
    assert result.returncode == midpo.EXIT_USAGE and "no page of midpo report" in result.stderr
    assert (tmp_path / "thesis.html").read_text() == "precious"
    page = (tmp_path / "report.html").read_text()
    assert "<title>one: safe" in page and "<title>two: safe" in page


@pytest.mark.parametrize("run", ("nameless", "=x", "x=", "x=/nowhere"))
def test_report_refuses_what_is_no_run(run, midpo, tmp_path):
    result = midpo.run("report", "--run", run, "--output", tmp_path / "report.html")
    assert result.returncode == midpo.EXIT_USAGE
    assert not (tmp_path / "report.html").exists()


def test_scores_do_not_replace_the_responses(midpo, world, responses):
    before = responses[0].read_bytes()
    result = midpo.run("evaluate", "--data", responses[0], "--reward-model", world / "reward",
                       "--output", responses[0])
    assert result.returncode == midpo.EXIT_USAGE and "is also read" in result.stderr
    assert responses[0].read_bytes() == before


def test_an_earlier_output_is_replaced_on_request_only(midpo, world, responses, tmp_path):
    arguments = ["evaluate", "--data", responses[0], "--reward-model", world / "reward",
                 "--output", tmp_path / "out.jsonl"]
    (tmp_path / "out.summary.json").write_text("precious")
    result = midpo.run(*arguments)
    assert result.returncode == midpo.EXIT_USAGE and "--overwrite" in result.stderr
    assert (tmp_path / "out.summary.json").read_text() == "precious"
    midpo.run_ok(*arguments, "--overwrite")
    assert len(midpo.read_jsonl(tmp_path / "out.jsonl")) == 80


def test_ids_beyond_the_vocabulary_are_named_by_line(midpo, world, tmp_path):
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [
        {"prompt_ids": [1], "response_ids": [2]}, {"prompt_ids": [1], "response_ids": [10**6]}])
    model = world / "reward"
    for command in (["evaluate", "--reward-model", model], ["score", "--model", model]):
        result = midpo.run(*command, "--data", rows)
        assert result.returncode == midpo.EXIT_USAGE and "rows.jsonl:2: token id" in result.stderr
