# SPDX-License-Identifier: Apache-2.0
"""Model directories that cannot be used are refused before any row: which file, what is wrong."""
import json
import shutil
import struct

import pytest

LFS_POINTER = (b"version https://git-lfs.github.com/spec/v1\n"
               b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
               b"size 9976576152\n")


@pytest.fixture
def models(world, tmp_path):
    """A copy of the toy models, to be damaged."""
    for kind in ("reward", "cost"):
        shutil.copytree(world / kind, tmp_path / "models" / kind)
    return tmp_path / "models"


def read_header(path):
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8:8 + size]), content[8 + size:]


def write_header(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def change_config(model, **fields):
    path = model / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def truncate(model):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def rename_tensor(model):
    header, body = read_header(model / "model.safetensors")
    header["model.layers.1.mlp.down.weight"] = header.pop("model.layers.1.mlp.down_proj.weight")
    write_header(model / "model.safetensors", header, body)


def reshape_tensor(model):
    header, body = read_header(model / "model.safetensors")
    header["score_head.weight"]["shape"] = [2, 16]
    write_header(model / "model.safetensors", header, body)


def retype_tensor(model):
    header, body = read_header(model / "model.safetensors")
    header["model.layers.1.mlp.down_proj.weight"]["dtype"] = "I32"
    write_header(model / "model.safetensors", header, body)


def overlap_tensors(model):
    header, body = read_header(model / "model.safetensors")
    norm = header["model.layers.0.input_layernorm.weight"]
    norm["data_offsets"] = header["model.norm.weight"]["data_offsets"]
    write_header(model / "model.safetensors", header, body)


def fill_tensor(model, value):
    """Overwrites the first value of the last norm."""
    header, body = read_header(model / "model.safetensors")
    begin, _ = header["model.norm.weight"]["data_offsets"]
    write_header(model / "model.safetensors", header,
                 body[:begin] + struct.pack("<f", value) + body[begin + 4:])


def shard_with_missing_file(model):
    names = [name for name in read_header(model / "model.safetensors")[0] if name != "__metadata__"]
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    weight_map = {name: "model-00001-of-00002.safetensors" for name in names}
    weight_map["model.norm.weight"] = "model-00002-of-00002.safetensors"
    (model / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def shard_outside(model):
    (model / "model.safetensors").rename(model.parent / "outside.safetensors")
    (model / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"model.norm.weight": "../outside.safetensors"}}))


def only_pickle(model):
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(b"PK\x03\x04")


def replace_file(name, content):
    return lambda model: (model / name).write_bytes(content)


def remove_file(name):
    return lambda model: (model / name).unlink()


# What is done to the cost model, and what the message must hold.
DAMAGES = {
    "no_config": (remove_file("config.json"), ["config.json"]),
    "config_is_not_json": (replace_file("config.json", b"{"), ["config.json"]),
    "no_weights": (remove_file("model.safetensors"), ["cost"]),
    "weights_are_a_folder": (lambda model: ((model / "model.safetensors").unlink(),
                                            (model / "model.safetensors").mkdir()),
                             ["model.safetensors"]),
    "weights_are_empty": (replace_file("model.safetensors", b""), ["model.safetensors"]),
    "weights_are_an_lfs_pointer": (replace_file("model.safetensors", LFS_POINTER),
                                   ["model.safetensors", "LFS"]),
    "header_claims_an_exabyte": (replace_file("model.safetensors", struct.pack("<Q", 1 << 60)),
                                 ["model.safetensors"]),
    "weights_are_cut": (truncate, ["model.safetensors"]),
    "a_tensor_is_missing": (rename_tensor, ["model.layers.1.mlp.down_proj.weight"]),
    "a_tensor_has_another_shape": (reshape_tensor, ["score_head.weight"]),
    "a_tensor_is_of_integers": (retype_tensor,
                                ["model.layers.1.mlp.down_proj.weight: I32", "floating"]),
    "tensors_overlap": (overlap_tensors, ["model.safetensors"]),
    "a_shard_is_missing": (shard_with_missing_file, ["model-00002-of-00002.safetensors"]),
    "a_shard_lies_outside": (shard_outside, ["outside.safetensors"]),
    "pickle_without_the_flag": (only_pickle, ["allow-pickle"]),
    "another_architecture": (lambda m: change_config(m, model_type="gpt2"), ["model_type", "gpt2"]),
    "another_activation": (lambda m: change_config(m, hidden_act="gelu"), ["hidden_act", "gelu"]),
    "another_rope": (lambda m: change_config(m, rope_scaling={"rope_type": "yarn", "factor": 4.0}),
                     ["yarn"]),
    "quantised": (lambda m: change_config(m, quantization_config={"bits": 4}),
                  ["quantization_config"]),
    "heads_do_not_divide": (lambda m: change_config(m, num_key_value_heads=3),
                            ["num_key_value_heads"]),
    "layers_are_negative": (lambda m: change_config(m, num_hidden_layers=-1),
                            ["num_hidden_layers"]),
    "tokenizer_is_not_json": (replace_file("tokenizer.json", b"{\"version\":"), ["tokenizer.json"]),
    "tokenizer_is_an_lfs_pointer": (replace_file("tokenizer.json", LFS_POINTER),
                                    ["tokenizer.json"]),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_model_is_refused_by_name(kind, midpo, world, models, tmp_path):
    damage, wanted = DAMAGES[kind]
    damage(models / "cost")
    result = midpo.run(*midpo.rank_arguments(models, world / "rows.jsonl", tmp_path / "out.jsonl"))
    assert result.returncode == midpo.EXIT_USAGE, result.stderr
    for text in wanted:
        assert text in result.stderr, result.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("value", (float("nan"), float("inf")))
def test_weights_that_are_not_finite_end_the_run(value, midpo, world, models, tmp_path):
    fill_tensor(models / "cost", value)
    result = midpo.run(*midpo.rank_arguments(models, world / "rows.jsonl", tmp_path / "out.jsonl"))
    assert result.returncode in (midpo.EXIT_FAILED, midpo.EXIT_USAGE), result.stderr
    assert "NaN" in result.stderr or "finite" in result.stderr, result.stderr
    assert "cost" in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_language_model_is_not_a_score_model(midpo, world, models, tmp_path):
    change_config(models / "reward", architectures=["LlamaForCausalLM"], score_type=None,
                  score_dim=None, tie_word_embeddings=True)
    result = midpo.run(*midpo.rank_arguments(models, world / "rows.jsonl", tmp_path / "out.jsonl"))
    assert result.returncode == midpo.EXIT_USAGE
    assert "reward" in result.stderr and "score" in result.stderr


def test_a_missing_model_directory_is_named(midpo, world, tmp_path):
    result = midpo.run(*midpo.rank_arguments(tmp_path / "nowhere", world / "rows.jsonl",
                                             tmp_path / "out.jsonl"))
    assert result.returncode == midpo.EXIT_USAGE
    assert "nowhere" in result.stderr
