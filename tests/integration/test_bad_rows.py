# SPDX-License-Identifier: Apache-2.0
"""Rows that cannot be used: refused with file and line, or quarantined and counted."""
import gzip
import json
import os

import pytest

GOOD = {"prompt": "How do I start with soup?", "response_0": "Begin with the onion.",
        "response_1": "Please be careful with this.", "better_response_id": 0,
        "safer_response_id": 1, "is_response_0_safe": True, "is_response_1_safe": True}


def with_field(**fields):
    return json.dumps({**GOOD, **fields}).encode()


def without(name):
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


BAD_LINES = {
    "cut_inside_a_string": with_field()[:-30],
    "cut_inside_an_escape": b'{"prompt": "a\\',
    "cut_inside_utf8": '{"prompt": "\u00e9'.encode()[:-1],
    "invalid_utf8": with_field().replace(b"soup", b"so\xffup"),
    "overlong_utf8": with_field().replace(b"soup", b"so\xc0\xafup"),
    "lone_surrogate": with_field().replace(b"soup", b"so\\ud800up"),
    "raw_control_character": with_field().replace(b"soup", b"so\x01up"),
    "nul_byte": with_field().replace(b"soup", b"so\x00up"),
    "not_an_object": b"[1, 2, 3]",
    "a_bare_number": b"17",
    "two_objects": with_field() + with_field(),
    "trailing_garbage": with_field() + b" x",
    "python_literal": b"{'prompt': 'x'}",
    "missing_prompt": without("prompt"),
    "missing_response": without("response_1"),
    "prompt_is_a_number": with_field(prompt=7),
    "prompt_is_null": with_field(prompt=None),
    "prompt_is_an_object": with_field(prompt={"text": "x"}),
    "prompt_is_an_empty_list": with_field(prompt=[]),
    "prompt_list_holds_a_number": with_field(prompt=["a", 1, "c"]),
    "prompt_ends_with_the_assistant": with_field(prompt=["a", "b"]),
    "messages_with_a_system_prompt": with_field(prompt=[{"role": "system", "content": "s"},
                                                        {"role": "user", "content": "u"}]),
    "response_is_a_list": with_field(response_0=["a"]),
    "response_is_null": with_field(response_1=None),
    "responses_and_pairs": with_field(responses=["a", 3]),
    "one_candidate": json.dumps({"prompt": "x", "responses": ["a"]}).encode(),
    "ids_are_texts": json.dumps({"prompt_ids": ["1"], "response_0_ids": [2],
                                 "response_1_ids": [3]}).encode(),
    "ids_are_negative": json.dumps({"prompt_ids": [1], "response_0_ids": [-2],
                                    "response_1_ids": [3]}).encode(),
    "ids_beyond_32_bits": json.dumps({"prompt_ids": [1], "response_0_ids": [2**63],
                                      "response_1_ids": [3]}).encode(),
    "ids_beyond_the_vocabulary": json.dumps({"prompt_ids": [1], "response_0_ids": [5, 10**6],
                                             "response_1_ids": [3]}).encode(),
    "nested_100000_deep": b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a_line_of_20_mib": with_field(response_0="x" * (20 << 20)),
}
BAD_LABELS = {
    "better_is_2": with_field(better_response_id=2),
    "better_is_negative": with_field(better_response_id=-1),
    "better_is_true": with_field(better_response_id=True),
    "better_is_a_text": with_field(better_response_id="1"),
    "better_is_a_fraction": with_field(better_response_id=0.5),
    "safer_is_missing": without("safer_response_id"),
    "safety_is_a_number": with_field(is_response_0_safe=1),
    "safety_is_null": with_field(is_response_1_safe=None),
}


def rank(midpo, world, folder, lines, **options):
    data = folder / "rows.jsonl"
    data.write_bytes(b"\n".join(lines) + b"\n")
    arguments = midpo.rank_arguments(world, data, folder / "out.jsonl", dtype="float32",
                                     scores_output=folder / "scores.jsonl", **options)
    return midpo.run(*arguments)


def check_fails_by_line(midpo, world, folder, bad, **options):
    result = rank(midpo, world, folder, [with_field(), with_field(), bad, with_field()], **options)
    assert result.returncode == midpo.EXIT_USAGE, result.stderr[-2000:]
    assert "rows.jsonl:3" in result.stderr, result.stderr[-2000:]
    assert not (folder / "out.jsonl").exists()


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_row_fails_with_file_and_line(kind, midpo, world, tmp_path):
    check_fails_by_line(midpo, world, tmp_path, BAD_LINES[kind])


def test_bad_rows_are_quarantined_on_request(midpo, world, tmp_path):
    """All kinds in one file, a good row before each."""
    lines = [line for bad in BAD_LINES.values() for line in (with_field(), bad)]
    result = rank(midpo, world, tmp_path, lines, on_bad_row="quarantine")
    assert result.returncode == midpo.EXIT_DONE, result.stderr[-2000:]
    assert len(midpo.read_jsonl(tmp_path / "scores.jsonl")) == len(BAD_LINES)
    quarantined = midpo.read_jsonl(tmp_path / "out.jsonl.run" / "quarantine.jsonl")
    assert all(line["reason"] and line["row"] == line["line"] - 1 for line in quarantined)
    found = {line["line"] for line in quarantined}
    assert [kind for i, kind in enumerate(BAD_LINES) if 2 * i + 2 not in found] == []
    assert len(quarantined) == len(BAD_LINES)
    rows = json.loads((tmp_path / "out.jsonl.run" / "manifest.json").read_text())["rows"]
    assert (rows["in"], rows["quarantined"]) == (2 * len(BAD_LINES), len(BAD_LINES))
    assert rows["out"] + sum(rows["filtered"].values()) == len(BAD_LINES)


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_a_bad_label_matters_where_labels_decide(kind, midpo, world, tmp_path):
    check_fails_by_line(midpo, world, tmp_path, BAD_LABELS[kind], policy="labels")


GOOD_FILES = {
    "byte_order_mark": b"\xef\xbb\xbf" + with_field() + b"\n",
    "crlf": with_field() + b"\r\n" + with_field() + b"\r\n",
    "no_last_newline": with_field() + b"\n" + with_field(),
    "blank_lines": with_field() + b"\n\n  \n" + with_field() + b"\n\n",
    "empty_response": with_field(response_0="") + b"\n",
    "escaped_pair": with_field().replace(b"soup", b"\\ud83d\\ude00") + b"\n",
    "numbers_we_only_carry": with_field()[:-1] + b', "big": 123456789012345678901, "e": 1e400}\n',
}


@pytest.mark.parametrize("kind", GOOD_FILES)
def test_unusual_but_valid_files_are_read(kind, midpo, world, tmp_path):
    data = tmp_path / "rows.jsonl"
    data.write_bytes(GOOD_FILES[kind])
    midpo.run_ok(*midpo.rank_arguments(world, data, tmp_path / "out.jsonl",
                                       scores_output=tmp_path / "scores.jsonl"))
    count = GOOD_FILES[kind].count(b"response_1\"")
    assert (tmp_path / "scores.jsonl").read_bytes().count(b"\n") == count


def test_numbers_that_are_only_carried_survive_as_written(midpo, world, tmp_path):
    data = tmp_path / "rows.jsonl"
    data.write_bytes(GOOD_FILES["numbers_we_only_carry"])
    midpo.run_ok(*midpo.rank_arguments(world, data, tmp_path / "out.jsonl",
                                       scores_output=tmp_path / "scores.jsonl"))
    assert b'"big": 123456789012345678901, "e": 1e400' in (tmp_path / "scores.jsonl").read_bytes()


def make_fifo(path):
    os.mkfifo(path)


BAD_FILES = {
    "missing.jsonl": lambda path: None,
    "empty.jsonl": lambda path: path.write_bytes(b""),
    "folder.jsonl": lambda path: path.mkdir(),
    "fifo.jsonl": make_fifo,
    "gzip.jsonl": lambda path: path.write_bytes(gzip.compress(with_field() + b"\n")),
    "plain.jsonl.gz": lambda path: path.write_bytes(with_field() + b"\n"),
    "cut.jsonl.gz": lambda path: path.write_bytes(gzip.compress(
        b"".join(with_field(n=os.urandom(50).hex()) + b"\n" for _ in range(50)))[:-40]),
    "plain.parquet": lambda path: path.write_bytes(with_field() + b"\n"),
    "rows.xlsx": lambda path: path.write_bytes(b"PK\x03\x04"),
    "rows.json": lambda path: path.write_bytes(b"[" + with_field() + b","),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_read_is_named(name, midpo, world, tmp_path):
    data = tmp_path / name
    BAD_FILES[name](data)
    result = midpo.run(*midpo.rank_arguments(world, data, tmp_path / "out.jsonl"), timeout=20)
    assert result.returncode == midpo.EXIT_USAGE, result.stderr
    assert name in result.stderr


def test_compressed_and_plain_input_give_the_same_bytes(midpo, world, tmp_path):
    plain = (world / "rows.jsonl").read_bytes()
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(plain))
    array = b"[\n" + b",\n".join(plain.strip().split(b"\n")) + b"\n]\n"
    (tmp_path / "rows.json").write_bytes(array)
    results = []
    for data in (world / "rows.jsonl", tmp_path / "rows.jsonl.gz", tmp_path / "rows.json"):
        output = tmp_path / f"{data.name}.out"
        midpo.run_ok(*midpo.rank_arguments(world, data, output, dtype="float32"))
        results.append(output.read_bytes())
    assert results[0] and results[0] == results[1] == results[2]
