# SPDX-License-Identifier: Apache-2.0
"""The engines against transformers and peft: fp32 to 1e-4, bf16 within transformers' own bf16."""
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine_models import (ARCHITECTURES, LanguageOracle, ScoreOracle, make_classifier,
                           make_language_model, make_score_model, mixed_rows, probe, random_row)

FP32_TOLERANCE = 1e-4
ROWS = mixed_rows()


def assert_close(got, wanted, tolerance=FP32_TOLERANCE):
    got, wanted = torch.tensor(got, dtype=torch.double), torch.tensor(wanted, dtype=torch.double)
    assert got.shape == wanted.shape
    worst = ((got - wanted).abs() / (1 + wanted.abs())).max().item() if got.numel() else 0.0
    assert worst <= tolerance, worst


def first_difference(row):
    shared = 0
    while all(len(s) > shared and s[shared] == row[0][shared] for s in row):
        shared += 1
    return shared


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_equal_transformers(tmp_path, name):
    folder = make_score_model(tmp_path, name)
    oracle = ScoreOracle(folder)
    for row, scores in zip(ROWS, probe(folder, "score", ROWS)["values"], strict=True):
        assert_close(scores, [oracle.score(ids) for ids in row])


@pytest.mark.parametrize("name", ("llama_gqa", "qwen2", "qwen3", "mistral", "tied"))
def test_classifiers_of_one_label_are_score_models(tmp_path, name):
    model = make_classifier(tmp_path, name)
    for row, scores in zip(ROWS, probe(tmp_path, "score", ROWS)["values"], strict=True):
        with torch.inference_mode():
            assert_close(scores, [model(torch.tensor([ids])).logits.item() for ids in row])


def test_classifiers_do_not_read_padding_at_the_end(tmp_path):
    model = make_classifier(tmp_path, "llama_gqa", pad_token_id=2)
    rows = [[[5, 2, 6, 7, 2], [5, 2, 6, 8]], [[9, 2, 2]], [[2, 2]]]
    for row, scores in zip(rows, probe(tmp_path, "score", rows)["values"], strict=True):
        with torch.inference_mode():
            assert_close(scores, [model(torch.tensor([ids])).logits.item() for ids in row])


def test_classifiers_of_several_labels_are_refused(tmp_path):
    make_classifier(tmp_path, "llama_mha", num_labels=3)
    answer = probe(tmp_path, "score", ROWS[:1], may_fail=True)
    assert "id2label" in answer["text"] and "one label" in answer["text"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_log_probs_equal_transformers(tmp_path, name):
    folder = make_language_model(tmp_path, name)
    oracle = LanguageOracle(folder)
    for row, values in zip(ROWS, probe(folder, "logprob", ROWS)["values"], strict=True):
        for ids, log_probs in zip(row, values, strict=True):
            assert_close(log_probs, oracle.log_probs(ids) if len(ids) > 1 else [])


def test_reference_sums_count_from_the_first_difference(tmp_path):
    folder = make_language_model(tmp_path, "llama_gqa")
    oracle = LanguageOracle(folder)
    for row, sums in zip(ROWS, probe(folder, "reference", ROWS)["values"], strict=True):
        first = max(1, first_difference(row))
        wanted = [sum(oracle.log_probs(ids)[first - 1:]) if len(ids) > first else 0.0
                  for ids in row]
        assert_close(sums, wanted)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["score", "reference", "logprob"])
def test_bits_do_not_depend_on_the_other_rows(tmp_path, kind, dtype):
    make = make_score_model if kind == "score" else make_language_model
    folder = make(tmp_path, "llama_gqa")
    packed = probe(folder, kind, ROWS, dtype=dtype)["values"]
    assert packed == probe(folder, kind, ROWS, dtype=dtype, alone=True)["values"]
    reversed_rows = probe(folder, kind, ROWS[::-1], dtype=dtype)["values"]
    assert packed == reversed_rows[::-1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bits_do_not_depend_on_the_shared_prefix(tmp_path, dtype):
    folder = make_score_model(tmp_path, "qwen3")
    singles = [[ids] for row in ROWS for ids in row]
    packed = [score for row in probe(folder, "score", ROWS, dtype=dtype)["values"] for score in row]
    assert packed == [row[0] for row in probe(folder, "score", singles, dtype=dtype)["values"]]


@pytest.mark.parametrize("function", ["affine", "scale", "translate", "identity"])
@pytest.mark.parametrize("kind", ["RunningMeanStd", "ExponentialMovingAverage"])
def test_normalizers_equal_their_formulas(tmp_path, kind, function):
    folder = make_score_model(tmp_path, "llama_mha", do_normalize=True, normalizer_type=kind,
                              normalize_function=function)
    row = ROWS[4]
    oracle = ScoreOracle(folder)
    assert_close(probe(folder, "score", [row])["values"][0], [oracle.score(ids) for ids in row])


def rms_errors(exact, peer, ours):
    """Root mean square difference from fp32, of the peer and of ours."""
    exact, peer, ours = (torch.tensor(values, dtype=torch.double) for values in (exact, peer, ours))
    return [(values - exact).square().mean().sqrt().item() for values in (peer, ours)]


@pytest.mark.parametrize("name", ["llama_mha", "llama3_rope", "qwen2", "qwen3"])
def test_bf16_scores_differ_no_more_than_transformers(tmp_path, name):
    generator = torch.Generator().manual_seed(9)
    rows = [random_row(generator, lengths, 10) for lengths in [(20, 60), (33, 128), (90, 12)] * 5]
    exact, peer, ours = [], [], []
    for seed in range(3):
        folder = make_score_model(tmp_path / str(seed), name, seed)
        fp32, bf16 = ScoreOracle(folder), ScoreOracle(folder, torch.bfloat16)
        for row, scores in zip(rows, probe(folder, "score", rows, dtype="bfloat16")["values"]):
            exact += [fp32.score(ids) for ids in row]
            peer += [bf16.score(ids) for ids in row]
            ours += scores
    peer_rms, our_rms = rms_errors(exact, peer, ours)
    assert our_rms <= peer_rms, (peer_rms, our_rms)


@pytest.mark.parametrize("name", ["llama_gqa", "tied"])
def test_bf16_log_probs_differ_no_more_than_transformers(tmp_path, name):
    folder = make_language_model(tmp_path, name)
    rows = [[ids] for row in ROWS for ids in row if len(ids) > 1]
    bf16 = LanguageOracle(folder, torch.bfloat16)
    exact = LanguageOracle(folder)
    answer = probe(folder, "logprob", rows, dtype="bfloat16")["values"]
    wanted, peer = ([value for [ids] in rows for value in oracle.log_probs(ids)]
                    for oracle in (exact, bf16))
    ours = [value for [log_probs] in answer for value in log_probs]
    peer_rms, our_rms = rms_errors(wanted, peer, ours)
    assert our_rms <= peer_rms, (peer_rms, our_rms)


TARGETS = {"down": ["down_proj"],
           "all": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
           "within_fused": ["v_proj", "up_proj"]}


def make_adapter(folder, base, targets, use_rslora=False):
    import peft
    import transformers
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=targets, use_rslora=use_rslora)
    model = peft.get_peft_model(model, config)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.normal_(0, 0.1)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("use_rslora", [False, True])
def test_adapters_equal_peft(tmp_path, targets, use_rslora):
    base = make_language_model(tmp_path / "base", "llama_gqa")
    adapter = make_adapter(tmp_path / "adapter", base, TARGETS[targets], use_rslora)
    oracle, without = LanguageOracle(base, adapter=adapter), LanguageOracle(base)
    rows = [[ids] for row in ROWS[3:8] for ids in row if len(ids) > 1]
    answer = probe(base, "logprob", rows, adapter=str(adapter))
    for [ids], [log_probs] in zip(rows, answer["values"], strict=True):
        assert_close(log_probs, oracle.log_probs(ids))
        assert max(abs(a - b) for a, b in zip(log_probs, without.log_probs(ids))) > 1e-2
    assert answer["info"]["content"] != probe(base, "logprob", [])["info"]["content"]


def test_adapter_on_bf16_base_differs_no_more_than_peft(tmp_path):
    base = make_language_model(tmp_path / "base", "llama_mha")
    adapter = make_adapter(tmp_path / "adapter", base, TARGETS["all"])
    rows = [[ids] for row in ROWS[3:8] for ids in row if len(ids) > 1]
    exact = LanguageOracle(base, adapter=adapter)
    bf16 = LanguageOracle(base, torch.bfloat16, adapter=adapter)
    wanted, peer = ([value for [ids] in rows for value in oracle.log_probs(ids)]
                    for oracle in (exact, bf16))
    answer = probe(base, "logprob", rows, adapter=str(adapter), dtype="bfloat16")["values"]
    ours = [value for [log_probs] in answer for value in log_probs]
    peer_rms, our_rms = rms_errors(wanted, peer, ours)
    assert our_rms <= peer_rms, (peer_rms, our_rms)


def test_sharded_weights_give_the_same_bits(tmp_path):
    import transformers
    base = make_language_model(tmp_path / "whole", "llama_gqa")
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="100KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    wanted = probe(base, "reference", ROWS)
    assert probe(tmp_path / "sharded", "reference", ROWS)["values"] == wanted["values"]


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_stored_in_another_type_are_converted(tmp_path, stored):
    folder = make_score_model(tmp_path / "f32", "llama_mha")
    as_stored, as_float = tmp_path / "stored", tmp_path / "float"

    def convert(dtype):
        def change(tensors):
            for key, value in tensors.items():
                if value.is_floating_point():
                    tensors[key] = value.to(stored).to(dtype)
        return change

    changed(folder, as_stored, convert(stored))
    changed(folder, as_float, convert(torch.float32))
    for dtype in ("float32", "bfloat16"):
        wanted = probe(as_float, "score", ROWS[:6], dtype=dtype)["values"]
        assert probe(as_stored, "score", ROWS[:6], dtype=dtype)["values"] == wanted


def changed(folder, target, change):
    """A copy of a model directory with changed tensors."""
    target.mkdir()
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    (target / "config.json").write_bytes((folder / "config.json").read_bytes())
    return target


def refusal(model, kind, rows, **more):
    answer = probe(model, kind, rows, may_fail=True, **more)
    return answer["error"], answer["text"]


def test_errors_name_their_cause(tmp_path):
    folder = make_score_model(tmp_path / "good", "llama_mha")
    row = [[1, 2, 3]]

    def poison(tensors):
        tensors["model.layers.1.mlp.down_proj.weight"][3, 4] = float("nan")

    def overflow(tensors):
        tensors["model.norm.weight"] *= 1e38
        tensors["score_head.weight"] *= 1e10

    def drop(tensors):
        del tensors["model.layers.2.self_attn.v_proj.weight"]

    def misshape(tensors):
        tensors["model.norm.weight"] = torch.ones(63)

    code, text = refusal(changed(folder, tmp_path / "nan", poison), "score", [row])
    assert code == "checkpoint" and "model.layers.1.mlp.down_proj.weight" in text
    code, text = refusal(changed(folder, tmp_path / "inf", overflow), "score", [row, row])
    assert code == "numerics" and "row 0" in text
    code, text = refusal(changed(folder, tmp_path / "missing", drop), "score", [row])
    assert code == "checkpoint" and "model.layers.2.self_attn.v_proj.weight" in text
    code, text = refusal(changed(folder, tmp_path / "shape", misshape), "score", [row])
    assert code == "checkpoint" and "model.norm.weight" in text and "63" in text
    code, text = refusal(folder, "score", [row, [[5, 331]]])
    assert code == "data" and "row 1" in text and "331" in text
    code, text = refusal(folder, "score", [row, row, [[5] * 513]])
    assert code == "data" and "row 2" in text and "513" in text
    code, text = refusal(folder, "score", [[[]]])
    assert code == "data" and "row 0" in text
    code, text = refusal(folder, "reference", [row])
    assert code == "checkpoint" and "score model" in text
    code, text = refusal(folder, "score", [row], device="cuda:0")
    assert code == "device" and "cuda" in text.lower()
    code, text = refusal(folder, "score", [row], device="tpu")
    assert code == "device" and "tpu" in text


def test_a_window_shorter_than_a_sequence_is_refused(tmp_path):
    folder = make_score_model(tmp_path, "mistral")
    config = json.loads((folder / "config.json").read_text())
    config["sliding_window"] = 32
    (folder / "config.json").write_text(json.dumps(config))
    assert len(probe(folder, "score", [[[5] * 32]])["values"]) == 1
    code, text = refusal(folder, "score", [[[5] * 33]])
    assert code == "data" and "32" in text


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_threads_share_a_model_and_compute_alone(tmp_path, dtype):
    folder = make_score_model(tmp_path, "llama_gqa")
    answer = probe(folder, "score", ROWS, dtype=dtype, threads=3)
    assert answer["agree"]
    assert answer["tasks"] == 4


def test_too_little_memory_is_named(tmp_path):
    folder = make_score_model(tmp_path, "llama_mha")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"] = torch.zeros(400_000, 64)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 400_000}))
    # Room for LibTorch and the mapped file, not for a copy of its weights.
    code, text = refusal(folder, "score", [[[5]]], memory_kb=640_000)
    assert code == "out_of_memory" and str(folder) in text


def test_no_rows_give_no_scores(tmp_path):
    folder = make_score_model(tmp_path, "llama_mha")
    assert probe(folder, "score", [])["values"] == []
