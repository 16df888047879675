# SPDX-License-Identifier: Apache-2.0
"""score, logprob, tokenize and inspect against transformers, peft and tokenizers."""
import json
import shutil

import pytest
import toy_data
from reference_rank import Reference, load_tokenizer

TOLERANCE = 1e-4
FP32 = ("--dtype", "float32")
TEXTS = ("Hello there.", "", " two  spaces\tand\nlines ", "\u00e9t\u00e9 \U0001F600 \u4f60\u597d",
         "x = {'a': 1234567}", "inside</s>text<s>")


def first_difference(sequences):
    shortest = min(len(ids) for ids in sequences)
    return next((t for t in range(shortest) if len({ids[t] for ids in sequences}) > 1), shortest)


def assert_close(got, wanted):
    assert len(got) == len(wanted)
    assert max((abs(a - b) for a, b in zip(got, wanted)), default=0.0) <= TOLERANCE


@pytest.fixture(scope="module")
def models(model_folders):
    return model_folders("--arch", "llama-gqa")


@pytest.fixture(scope="module")
def reference(models):
    return Reference(models)


@pytest.fixture(scope="module")
def adapter(models, tmp_path_factory):
    """A LoRA adapter on every down projection, written by peft, with B away from zero."""
    import peft
    import torch
    import transformers
    base = transformers.AutoModelForCausalLM.from_pretrained(models / "base", dtype=torch.float32)
    config = peft.LoraConfig(r=16, lora_alpha=32, target_modules=["down_proj"],
                             task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    generator = torch.Generator().manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


def test_score_of_pairs(midpo, models, reference, toy_rows, tmp_path):
    rows = toy_rows[:40]
    data = midpo.write_jsonl(tmp_path / "rows.jsonl", rows)
    result = midpo.run_ok("score", "--model", models / "reward", "--data", data, *FP32)
    for row, line in zip(rows, midpo.json_lines(result.stdout), strict=True):
        assert_close([line["score_0"], line["score_1"]], reference.score_row(row).rewards)


def test_score_of_token_ids_does_not_depend_on_company(midpo, models, reference, tmp_path):
    rows = list(toy_data.token_rows(20, seed=9, vocab_size=800))
    single = [{"ids": row["prompt_ids"] + row["response_0_ids"]} for row in rows]
    data = midpo.write_jsonl(tmp_path / "ids.jsonl", single)
    result = midpo.run_ok("score", "--model", models / "cost", "--data", data, *FP32)
    together = [line["score"] for line in midpo.json_lines(result.stdout)]
    assert_close(together, [reference.cost.score(row["ids"]) for row in single])
    alone = midpo.write_jsonl(tmp_path / "alone.jsonl", single[7:8])
    result = midpo.run_ok("score", "--model", models / "cost", "--data", alone, *FP32)
    assert midpo.json_lines(result.stdout)[0]["score"] == together[7]


@pytest.mark.parametrize("length", (1, 2, 3, 511, 512))
def test_score_of_extreme_lengths(length, midpo, models, reference, tmp_path):
    ids = [1] + [3 + (17 * i) % 700 for i in range(length - 1)]
    data = midpo.write_jsonl(tmp_path / "ids.jsonl", [{"ids": ids}])
    result = midpo.run_ok("score", "--model", models / "reward", "--data", data, *FP32)
    assert_close([midpo.json_lines(result.stdout)[0]["score"]], [reference.reward.score(ids)])


def test_bfloat16_scores_are_as_near_as_transformers_own(midpo, models, reference, toy_rows,
                                                         tmp_path):
    import torch
    from peer_models import ScoreModel
    rows = toy_rows[:60]
    data = midpo.write_jsonl(tmp_path / "rows.jsonl", rows)
    result = midpo.run_ok("score", "--model", models / "reward", "--data", data,
                          "--dtype", "bfloat16")
    ours = [line[f"score_{i}"] for line in midpo.json_lines(result.stdout) for i in range(2)]
    exact = [score for row in rows for score in reference.score_row(row).rewards]
    peer = ScoreModel(models / "reward", dtype=torch.bfloat16)
    theirs = [peer.score(ids) for row in rows for ids in reference.sequences(row)[0]]
    our_error = [abs(a - b) for a, b in zip(ours, exact, strict=True)]
    their_error = [abs(a - b) for a, b in zip(theirs, exact, strict=True)]
    mean = [sum(errors) / len(errors) for errors in (our_error, their_error)]
    print(f"bf16 against fp32: ours mean {mean[0]:.4f} max {max(our_error):.4f}, "
          f"transformers mean {mean[1]:.4f} max {max(their_error):.4f}")
    assert mean[0] <= 1.25 * mean[1]
    assert max(our_error) <= 1.5 * max(their_error)


def check_log_probs(midpo, folder, language_model, reference, rows, path, *extra):
    data = midpo.write_jsonl(path, rows)
    result = midpo.run_ok("logprob", "--model", folder, "--data", data, *FP32, *extra)
    lines = iter(midpo.json_lines(result.stdout))
    for number, row in enumerate(rows):
        sequences = [row["ids"]] if "ids" in row else reference.sequences(row)[0]
        first = 1 if "ids" in row else first_difference(sequences)
        for i, ids in enumerate(sequences):
            line, wanted = next(lines), language_model.log_probs(ids)
            assert (line["row"], line["response"]) == (number, None if "ids" in row else i)
            assert_close(line["log_probs"], wanted)
            assert abs(line["sum"] - sum(wanted[first - 1:])) <= TOLERANCE * (1 + abs(line["sum"]))
    assert next(lines, None) is None


def test_logprob_of_pairs_and_of_ids(midpo, models, reference, toy_rows, tmp_path):
    from peer_models import LanguageModel
    rows = [*toy_rows[:12], {"ids": [1, 40, 41, 300, 7, 2]}, *toy_rows[12:16]]
    check_log_probs(midpo, models / "base", LanguageModel(models / "base"), reference, rows,
                    tmp_path / "rows.jsonl")


def test_logprob_with_tied_embeddings(midpo, model_folders, reference, toy_rows, tmp_path):
    from peer_models import LanguageModel
    folder = model_folders("--arch", "qwen3", "--tied", "--models", "base") / "base"
    rows = [{"ids": ids} for row in toy_rows[:8] for ids in reference.sequences(row)[0]]
    check_log_probs(midpo, folder, LanguageModel(folder), reference, rows, tmp_path / "ids.jsonl")


@pytest.fixture
def tied_with_head(model_folders, tmp_path):
    """A tied model that stores its head as well, as .bin files and some programs do."""
    from safetensors.torch import load_file, save_file
    folder = tmp_path / "tied"
    shutil.copytree(model_folders("--arch", "qwen3", "--tied", "--models", "base") / "base", folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    def save(factor):
        tensors["lm_head.weight"] *= factor
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return folder
    return save


def test_a_head_that_is_not_the_embeddings_it_is_tied_to_is_refused(midpo, tied_with_head,
                                                                    tmp_path):
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [{"ids": [1, 40, 41]}])
    midpo.run_ok("logprob", "--model", tied_with_head(1.0), "--data", rows)
    result = midpo.run("logprob", "--model", tied_with_head(2.0), "--data", rows)
    assert result.returncode == midpo.EXIT_USAGE
    assert "lm_head.weight differs from model.embed_tokens.weight" in result.stderr


def test_an_adapter_of_a_tied_head_is_refused(midpo, tied_with_head, tmp_path):
    import peft
    import transformers
    folder = tied_with_head(1.0)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    config = peft.LoraConfig(r=2, target_modules=["lm_head"], task_type="CAUSAL_LM")
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter",
                                                      save_embedding_layers=False)
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [{"ids": [1, 40, 41]}])
    result = midpo.run("logprob", "--model", folder, "--adapter", tmp_path / "adapter",
                       "--data", rows)
    assert result.returncode == midpo.EXIT_USAGE
    assert "adapts lm_head, which" in result.stderr


def test_logprob_with_a_peft_adapter(midpo, models, adapter, reference, toy_rows, tmp_path):
    from peer_models import LanguageModel
    adapted, plain = LanguageModel(models / "base", adapter=adapter), LanguageModel(models / "base")
    ids = reference.sequences(toy_rows[0])[0][0]
    moved = max(abs(a - b) for a, b in zip(adapted.log_probs(ids), plain.log_probs(ids)))
    assert moved > 0.01, "the adapter changes nothing, so the test would show nothing"
    check_log_probs(midpo, models / "base", adapted, reference, toy_rows[:12],
                    tmp_path / "rows.jsonl", "--adapter", adapter)


@pytest.mark.parametrize("kind", ("byte-level", "metaspace"))
@pytest.mark.parametrize("special", (True, False))
def test_tokenize(kind, special, midpo, model_folders, toy_rows, tmp_path):
    folder = model_folders("--tokenizer", kind, "--models", "reward") / "reward"
    texts = [*TEXTS, *(row["response_1"] for row in toy_rows[:200])]
    data = midpo.write_jsonl(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    flags = [] if special else ["--no-special-tokens"]
    result = midpo.run_ok("tokenize", "--model", folder, "--input", data, *flags)
    tokenizer = load_tokenizer(folder)
    for text, line in zip(texts, midpo.json_lines(result.stdout), strict=True):
        assert line["ids"] == tokenizer(text, add_special_tokens=special).input_ids, repr(text)


def test_inspect_names_what_a_model_is(midpo, models):
    result = midpo.run_ok("inspect", models / "cost")
    tensors = json.loads(_header(models / "cost" / "model.safetensors"))
    tensors.pop("__metadata__", None)
    assert "LlamaForScore" in result.stdout
    assert "score_head.weight" in result.stdout
    count = sum(_elements(tensor["shape"]) for tensor in tensors.values())
    assert str(count) in result.stdout.replace(",", "").replace("_", "")


def test_inspect_knows_adapters_and_single_files(midpo, models, adapter):
    result = midpo.run_ok("inspect", adapter)
    assert "down_proj" in result.stdout and "16" in result.stdout
    result = midpo.run_ok("inspect", models / "cost" / "model.safetensors")
    assert "model.embed_tokens.weight" in result.stdout


def test_inspect_fails_on_an_invalid_file(midpo, models, tmp_path):
    broken = tmp_path / "model.safetensors"
    broken.write_bytes((models / "cost" / "model.safetensors").read_bytes()[:-100])
    result = midpo.run("inspect", broken)
    assert result.returncode == midpo.EXIT_USAGE
    assert "model.safetensors" in result.stdout + result.stderr


def _header(path):
    with open(path, "rb") as file:
        return file.read(int.from_bytes(file.read(8), "little"))


def _elements(shape):
    count = 1
    for size in shape:
        count *= size
    return count
