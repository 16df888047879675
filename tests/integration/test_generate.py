# SPDX-License-Identifier: Apache-2.0
"""midpo generate and chat as users run them."""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An untrained language model with a tokenizer."""
    import toy_world
    folder = tmp_path_factory.mktemp("generate") / "init"
    toy_world.write_init(folder, 3)
    return folder


@pytest.fixture
def job(midpo, model, tmp_path):
    """job(rows, options...) -> arguments of a run over these rows, into out.jsonl."""
    def arguments(rows, *more):
        data = midpo.write_jsonl(tmp_path / "in.jsonl", rows)
        return ["generate", "--model", model, "--data", data, "--output", tmp_path / "out.jsonl",
                "--temperature", 1, "--max-new-tokens", 20, *more]
    return arguments


def many_rows(count):
    return [{"prompt": f"Tell me {'more ' * (i % 7)}about soup {i}.", "id": i}
            for i in range(count)]


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_rows_keep_their_fields_and_order(midpo, job, tmp_path):
    rows = [{"prompt": "One?", "tag": {"a": [1.50, None]}},
            {"prompt": ["One?", "Two.", "Three?"], "id": 7},
            {"text": "Once upon a time", "source": "plain"},
            {"prompt": "Rated?", "response_0": "x", "response_1": "y", "better_response_id": 0,
             "is_response_0_safe": True, "category": "kept"}]
    midpo.run_ok(*job(rows))
    out = midpo.read_jsonl(tmp_path / "out.jsonl")
    assert [row.get("prompt", row.get("text")) for row in out] == [
        "One?", ["One?", "Two.", "Three?"], "Once upon a time", "Rated?"]
    assert out[0]["tag"] == {"a": [1.5, None]} and out[1]["id"] == 7
    assert out[3]["category"] == "kept"
    assert not {"response_0", "better_response_id", "is_response_0_safe"} & set(out[3])
    for row in out:
        assert row["finish_reason"] in ("eos", "length") and row["response_tokens"] <= 20
        assert len(row["model"]) == 32
    assert files_of(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.plan.json"]


def test_several_samples_are_responses_that_rank_can_read(midpo, job, tmp_path, world):
    midpo.run_ok(*job(many_rows(5), "--num-samples", 3))
    out = midpo.read_jsonl(tmp_path / "out.jsonl")
    assert all(len(row["responses"]) == len(row["finish_reasons"]) == 3 for row in out)
    midpo.run_ok(*midpo.rank_arguments(world, tmp_path / "out.jsonl", tmp_path / "d.jsonl"))


def test_stop_strings_end_responses_and_are_cut_off(midpo, job, tmp_path):
    rows = many_rows(40)
    midpo.run_ok(*job(rows))
    free = [row["response"] for row in midpo.read_jsonl(tmp_path / "out.jsonl")]
    stop = next(text for text in free if len(text) > 8)[3:6]
    midpo.run_ok(*job(rows, "--stop", stop, "--overwrite"))
    stopped = midpo.read_jsonl(tmp_path / "out.jsonl")
    assert any(row["finish_reason"] == "stop_string" for row in stopped)
    for text, row in zip(free, stopped, strict=True):
        assert row["response"] == text.split(stop)[0]
        assert (row["finish_reason"] == "stop_string") == (stop in text)


def test_more_threads_than_cores_are_no_more_work(midpo, job, tmp_path):
    rows = many_rows(40)
    midpo.run_ok(*job(rows))
    expected = (tmp_path / "out.jsonl").read_text()
    result = midpo.run_ok(*job(rows, "--overwrite", "--threads", 1000, "--generators", 1),
                          timeout=20)
    assert "threads_capped" in result.stderr
    assert (tmp_path / "out.jsonl").read_text() == expected


def test_plain_prompts_have_no_template(midpo, job, tmp_path):
    midpo.run_ok(*job([{"prompt": "One"}]))
    [with_template] = midpo.read_jsonl(tmp_path / "out.jsonl")
    midpo.run_ok(*job([{"prompt": "One"}], "--template", "plain", "--overwrite"))
    [plain] = midpo.read_jsonl(tmp_path / "out.jsonl")
    assert plain["prompt_tokens"] < with_template["prompt_tokens"]


def test_no_rows_give_an_empty_output(midpo, job, tmp_path):
    arguments = job([])
    (tmp_path / "in.jsonl").write_text("\n")
    midpo.run_ok(*arguments)
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_more_generators_than_rows_end_as_well(midpo, job, tmp_path):
    midpo.run_ok(*job(many_rows(2), "--generators", 6))
    assert len(midpo.read_jsonl(tmp_path / "out.jsonl")) == 2


@pytest.mark.parametrize("rows, more, text", [
    ([{"prompt": "a"}, {"question": "b"}], [], "in.jsonl:2"),
    ([{"prompt": ["a", "b"]}], [], "wanted an odd number"),
    ([{"prompt": "x " * 3000}], [], "no room for a response"),
    ([{"prompt_ids": [1]}, {"prompt_ids": [999999]}], [],
     "in.jsonl:2: token id 999999 is outside the vocabulary"),
    ([{"prompt_ids": []}], [], "empty list"),
    ([{"prompt": "a"}], ["--mixture", "0.5,0.5"], "--safety-adapter"),
    ([{"prompt": "a"}], ["--mixture", "half"], "0.5,0.5"),
    ([{"prompt": "a"}], ["--adapter", "nowhere"], "nowhere is not a directory"),
    ([{"prompt": "a"}], ["--temperature", "0", "--num-samples", "2"], "greedy"),
    ([{"prompt": "a"}], ["--stop", ""], "empty string"),
    ([{"prompt": "a"}], ["--kv-rows", "8"], "raise --kv-rows"),
])
def test_bad_input_is_named(midpo, job, rows, more, text):
    result = midpo.run(*job(rows, *more))
    assert result.returncode in (midpo.EXIT_FAILED, midpo.EXIT_USAGE)
    assert text in result.stderr


def test_a_run_that_wrote_nothing_can_be_repeated(midpo, job, tmp_path):
    arguments = job([{"prompt_ids": [999999]}])
    assert midpo.run(*arguments).returncode == midpo.EXIT_USAGE
    assert files_of(tmp_path) == ["in.jsonl"]
    midpo.run_ok(*job([{"prompt_ids": [1]}]))


def test_a_finished_output_is_resumed_under_its_own_plan_only(midpo, job, model, tmp_path):
    arguments = job(many_rows(2))
    midpo.run_ok(*arguments)
    whole = (tmp_path / "out.jsonl").read_bytes()
    midpo.run_ok(*arguments, "--resume")
    other = midpo.run(*arguments, "--resume", "--seed", 1)
    assert other.returncode == midpo.EXIT_USAGE and "seed was 42, is 1" in other.stderr
    other = midpo.run(*job(many_rows(3)), "--resume")
    assert other.returncode == midpo.EXIT_USAGE and "data was" in other.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == whole


def test_stdout_is_no_output(midpo, job, tmp_path):
    arguments = [word if word != tmp_path / "out.jsonl" else "-" for word in job(many_rows(1))]
    result = midpo.run(*arguments, cwd=tmp_path)
    assert result.returncode == midpo.EXIT_USAGE and "stdout" in result.stderr
    assert files_of(tmp_path) == ["in.jsonl"]


def test_gates_that_are_there_are_not_overwritten(midpo, job, tmp_path):
    job(many_rows(1))
    (tmp_path / "gates.jsonl").write_text("precious\n")
    result = midpo.run("gates", "--model", "none", "--router", "none", "--data",
                       tmp_path / "in.jsonl", "--output", tmp_path / "gates.jsonl")
    assert result.returncode == midpo.EXIT_USAGE and "--overwrite" in result.stderr
    assert (tmp_path / "gates.jsonl").read_text() == "precious\n"


def test_an_output_that_is_there_is_not_overwritten(midpo, job, tmp_path):
    (tmp_path / "out.jsonl").write_text("precious\n")
    result = midpo.run(*job(many_rows(1)))
    assert result.returncode == midpo.EXIT_USAGE and "--overwrite" in result.stderr
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"
    result = midpo.run(*job(many_rows(1), "--resume"))
    assert result.returncode == midpo.EXIT_USAGE and "out.jsonl.plan.json" in result.stderr
    assert (tmp_path / "out.jsonl").read_text() == "precious\n"


def interrupt(midpo, arguments, partial, signal_number):
    """Starts a run and stops it once some of its rows are on disk."""
    process = midpo.start(*arguments)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if partial.exists() and partial.stat().st_size > 0:
            process.send_signal(signal_number)
            break
        time.sleep(0.01)
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize("signal_number, status", [(signal.SIGKILL, -9), (signal.SIGTERM, 75)])
def test_resuming_gives_the_bytes_of_an_unbroken_run(midpo, job, tmp_path, signal_number, status):
    arguments = job(many_rows(1200), "--max-new-tokens", 60)
    midpo.run_ok(*arguments)
    whole = (tmp_path / "out.jsonl").read_bytes()
    os.remove(tmp_path / "out.jsonl")
    partial = tmp_path / "out.jsonl.partial"
    assert interrupt(midpo, arguments, partial, signal_number) == status
    assert 0 < partial.stat().st_size < len(whole)
    assert midpo.run(*arguments).returncode == midpo.EXIT_USAGE
    other = midpo.run(*arguments, "--resume", "--seed", 1)
    assert other.returncode == midpo.EXIT_USAGE and "seed was 42, is 1" in other.stderr
    # A kill may leave a line half written.
    with open(partial, "ab") as file:
        file.write(b'{"prompt": "cut')
    midpo.run_ok(*arguments, "--resume")
    assert (tmp_path / "out.jsonl").read_bytes() == whole
    assert files_of(tmp_path) == ["in.jsonl", "out.jsonl", "out.jsonl.plan.json"]


def test_a_full_disk_is_named_and_resumed_from(midpo, job, tmp_path):
    arguments = job(many_rows(300))
    midpo.run_ok(*arguments)
    whole = (tmp_path / "out.jsonl").read_bytes()
    os.remove(tmp_path / "out.jsonl")
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *midpo.command(*arguments)],
        capture_output=True, text=True, check=False)
    assert limited.returncode == midpo.EXIT_FAILED and "out.jsonl.partial" in limited.stderr
    midpo.run_ok(*arguments, "--resume")
    assert (tmp_path / "out.jsonl").read_bytes() == whole


def chat(midpo, model, *lines, options=()):
    return midpo.run_ok("chat", "--model", model, "--max-new-tokens", 12, *options,
                        input="".join(line + "\n" for line in lines)).stdout


def test_chat_answers_and_repeats_itself_from_the_same_start(midpo, model):
    first = chat(midpo, model, "Hello there.", "/quit")
    assert first.strip() and first == chat(midpo, model, "Hello there.", "/quit")
    assert first != chat(midpo, model, "Another message.", "/quit")


def test_chat_commands(midpo, model):
    once = chat(midpo, model, "/set temperature 0", "Hi.", "/quit")
    assert once.strip()
    assert 3 * once == chat(midpo, model, "/set temperature 0", "Hi.", "/reset", "Hi.",
                            "/regenerate", "/quit")
    text = chat(midpo, model, "/help", "/set temperature hot", "/set", "/nothing", "/regenerate",
                "/gates", "/system Be brief.", "Hi.", "/gates", "/quit")
    for part in ("/regenerate", "temperature", "usage: /set", "unknown command /nothing",
                 "no message yet", "no answer yet", "no gates"):
        assert part in text


def test_a_chat_is_no_longer_than_asked_for(midpo, model):
    text = chat(midpo, model, "Hello there.", "/quit", options=("--max-length", 4))
    assert "tokens, --max-length is 4" in text


@pytest.mark.parametrize("option", ("--num-samples", "--log-probs"))
def test_chat_refuses_what_it_has_no_use_for(option, midpo, model):
    result = midpo.run("chat", "--model", model, option, 2, input="/quit\n")
    assert result.returncode == midpo.EXIT_USAGE and option in result.stderr


@pytest.fixture
def endless_model(model, tmp_path):
    """Its answers take longer than a test."""
    folder = tmp_path / "endless"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 65536
    (folder / "config.json").write_text(json.dumps(config))
    return folder


class Terminal:
    """A chat as a user at a terminal has it."""

    def __init__(self, midpo, model):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            midpo.command("chat", "--model", model, "--ignore-eos", "--max-new-tokens", 60000,
                          "--max-length", 65536), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, is_enough, limit_s=30):
        text, deadline = "", time.monotonic() + limit_s
        while not is_enough(text):
            assert time.monotonic() < deadline, text[-300:]
            if select.select([self.master], [], [], 0.1)[0]:
                text += os.read(self.master, 4096).decode(errors="replace")

    def read_prompt(self):
        self.read_until(lambda text: text.endswith("> "))


def test_ctrl_c_ends_an_answer_and_at_the_prompt_the_chat(midpo, endless_model):
    terminal = Terminal(midpo, endless_model)
    with terminal.process as process:
        terminal.read_prompt()
        for _ in range(2):
            terminal.type("Hello.\n")
            terminal.read_until(lambda text: len(text) > 200)
            process.send_signal(signal.SIGINT)
            terminal.read_prompt()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_sigterm_ends_a_chat_in_its_answer(midpo, endless_model):
    terminal = Terminal(midpo, endless_model)
    with terminal.process as process:
        terminal.read_prompt()
        terminal.type("Hello.\n")
        terminal.read_until(lambda text: len(text) > 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_an_output_that_is_read_as_well_is_refused_and_kept(midpo, job, tmp_path):
    arguments = job([{"prompt": "One"}], "--overwrite")
    arguments[arguments.index("--output") + 1] = tmp_path / "." / "in.jsonl"
    before = (tmp_path / "in.jsonl").read_bytes()
    result = midpo.run(*arguments)
    assert result.returncode == midpo.EXIT_USAGE and "is also read" in result.stderr
    assert (tmp_path / "in.jsonl").read_bytes() == before
