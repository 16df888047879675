# SPDX-License-Identifier: Apache-2.0
"""Every training command on a tiny model: what it writes, how it resumes, how it refuses."""
import argparse
import json
import shutil

import pytest
import toy_world

FAST = ("--dtype", "float32", "--max-steps", "3", "--batch-size", "4", "--warmup-ratio", "0",
        "--learning-rate", "1e-3")


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    """An untrained base model, score models of the same tokenizer, a few rows of each kind."""
    folder = tmp_path_factory.mktemp("toy")
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=24, preferences=24,
                                                     prompts=4))
    base = ("--model", folder / "init", "--data", folder / "preferences_train.jsonl", *FAST)
    midpo.run_ok("reward", *base, "--output", folder / "reward")
    midpo.run_ok("cost", *base, "--output", folder / "cost")
    return folder


def metrics_of(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]


def preferences(toy, output, *more):
    return ("--model", toy / "init", "--data", toy / "preferences_train.jsonl", "--output", output,
            *FAST, *more)


@pytest.fixture(scope="module")
def experts(toy, midpo):
    midpo.run_ok("expert", "--kind", "both", "--reward-model", toy / "reward", "--cost-model",
                 toy / "cost", *preferences(toy, toy / "experts"))
    return toy / "experts"


def test_sft_writes_a_model_that_scores(toy, midpo, tmp_path):
    midpo.run_ok("sft", "--model", toy / "init", "--data", toy / "sft.jsonl", "--output",
                 tmp_path / "sft", *FAST)
    losses = [line["loss"] for line in metrics_of(tmp_path / "sft.run")]
    assert len(losses) == 3 and losses[-1] < losses[0]
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "p", "response": "r"}])
    result = midpo.run_ok("logprob", "--model", tmp_path / "sft", "--data", rows)
    assert midpo.json_lines(result.stdout)


def test_score_models_score(toy, midpo):
    for name in ("reward", "cost"):
        result = midpo.run_ok("score", "--model", toy / name, "--data",
                              toy / "preferences_train.jsonl")
        assert len(midpo.json_lines(result.stdout)) == 24


def test_both_experts_are_adapters(experts, midpo, toy):
    for kind in ("safety", "helpfulness"):
        config = json.loads((experts / kind / "adapter_config.json").read_text())
        assert config["r"] == 16 and config["target_modules"] == ["down_proj"]
        metrics = metrics_of(experts.with_name("experts.run") / kind)
        assert [line["step"] for line in metrics] == [1, 2, 3]
        assert abs(metrics[0]["rewards/margins"]) < 1e-4


def test_both_at_once_are_the_experts_one_by_one(experts, midpo, toy, tmp_path):
    midpo.run_ok("expert", "--kind", "safety", "--cost-model", toy / "cost",
                 *preferences(toy, tmp_path / "alone"))
    alone = (tmp_path / "alone" / "adapter_model.safetensors").read_bytes()
    assert alone == (experts / "safety" / "adapter_model.safetensors").read_bytes()


def test_router_trains_on_d_dual(experts, midpo, toy, tmp_path):
    midpo.run_ok("rank", "--policy", "labels", "--data", toy / "preferences_train.jsonl",
                 "--reward-model", toy / "reward", "--output", tmp_path / "d_dual.jsonl")
    midpo.run_ok("router", "--model", toy / "init", "--data", tmp_path / "d_dual.jsonl",
                 "--safety-adapter", experts / "safety", "--helpfulness-adapter",
                 experts / "helpfulness", "--gate-width", 8, "--output", tmp_path / "router", *FAST)
    assert (tmp_path / "router" / "router.safetensors").exists()
    config = json.loads((tmp_path / "router" / "router_config.json").read_text())
    assert all(0.0 < mean < 1.0 for mean in config["mean_alpha"] + config["mean_beta"])
    result = midpo.run_ok("export", "--format", "merged", "--model", toy / "init",
                          "--safety-adapter", experts / "safety", "--helpfulness-adapter",
                          experts / "helpfulness", "--router", tmp_path / "router", "--output",
                          tmp_path / "merged")
    assert result.stderr.count("the mean that training recorded") == 2
    for line in metrics_of(tmp_path / "router.run"):
        assert 0.0 < line["router/alpha_mean"] < 1.0 and 0.0 < line["router/beta_mean"] < 1.0


def test_router_trains_as_published(experts, midpo, toy, tmp_path):
    rows = [{**json.loads(line), "better_response_id": 0, "safer_response_id": 0}
            for line in (toy / "preferences_train.jsonl").read_text().splitlines()]
    midpo.write_jsonl(tmp_path / "d_dual.jsonl", rows)
    midpo.run_ok("router", "--compat", "published", "--model", toy / "init", "--data",
                 tmp_path / "d_dual.jsonl", "--safety-adapter", experts / "safety",
                 "--helpfulness-adapter", experts / "helpfulness", "--gate-width", 8, "--output",
                 tmp_path / "router", *FAST)
    assert [line["step"] for line in metrics_of(tmp_path / "router.run")] == [1, 2, 3]
    assert not (tmp_path / "router.run" / "scores").exists()


@pytest.mark.parametrize("loss", ("dpo", "ipo", "hinge", "robust", "safedpo", "modpo"))
def test_dpo_trains_by_every_loss(loss, toy, midpo, tmp_path):
    more = ("--cost-model", toy / "cost") if loss == "modpo" else ()
    more += ("--label-smoothing", "0.1") if loss == "robust" else ()
    midpo.run_ok("dpo", "--loss", loss, *preferences(toy, tmp_path / "out", *more))
    assert len(metrics_of(tmp_path / "out.run")) == 3


def test_a_run_that_stops_continues_to_the_same_bits(toy, midpo, tmp_path):
    steps = ("--max-steps", "6", "--save-steps", "2")
    midpo.run_ok("dpo", *preferences(toy, tmp_path / "whole", *steps))
    process = midpo.start("dpo", *preferences(toy, tmp_path / "parts", *steps))
    checkpoint = tmp_path / "parts.run" / "checkpoints" / "step-2"
    while not checkpoint.exists() and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    midpo.run_ok("dpo", "--resume", *preferences(toy, tmp_path / "parts", *steps))
    weights = [(tmp_path / name / "adapter_model.safetensors").read_bytes()
               for name in ("parts", "whole")]
    assert weights[0] == weights[1]
    assert metrics_of(tmp_path / "parts.run") == metrics_of(tmp_path / "whole.run")


def refused(midpo, *arguments, status=2):
    result = midpo.run(*arguments)
    assert result.returncode == status, result.stderr
    return result.stderr


def test_missing_files_are_named(toy, midpo, tmp_path):
    missing = tmp_path / "missing"
    assert str(missing) in refused(
        midpo, "dpo", "--model", missing, "--data", toy / "sft.jsonl", "--output", tmp_path / "o")
    assert str(missing) in refused(
        midpo, "dpo", "--model", toy / "init", "--data", f"{missing}.jsonl", "--output",
        tmp_path / "o")
    assert str(missing) in refused(
        midpo, "router", "--safety-adapter", missing, "--helpfulness-adapter", missing,
        *preferences(toy, tmp_path / "o"))
    assert "--cost-model" in refused(midpo, "expert", "--kind", "safety",
                                     *preferences(toy, tmp_path / "o"))


def test_a_d_dual_of_no_rows_is_refused(experts, midpo, toy, tmp_path):
    router = ("router", "--model", toy / "init", "--safety-adapter", experts / "safety",
              "--helpfulness-adapter", experts / "helpfulness", "--output", tmp_path / "r", *FAST)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    assert "empty" in refused(midpo, *router, "--data", empty)
    row = json.loads((toy / "preferences_train.jsonl").read_text().splitlines()[0])
    row.update(better_response_id=0, safer_response_id=1)
    errors = refused(midpo, *router, "--data", midpo.write_jsonl(tmp_path / "one.jsonl", [row]))
    assert "no row can be trained on" in errors and "labels_disagree" in errors


def test_a_wrong_architecture_is_refused(toy, midpo, tmp_path):
    shutil.copytree(toy / "init", tmp_path / "gpt")
    config = json.loads((tmp_path / "gpt" / "config.json").read_text())
    config.update(architectures=["GPT2LMHeadModel"], model_type="gpt2")
    (tmp_path / "gpt" / "config.json").write_text(json.dumps(config))
    result = midpo.run("dpo", "--model", tmp_path / "gpt", "--data",
                       toy / "preferences_train.jsonl", "--output", tmp_path / "o", *FAST)
    assert result.returncode == midpo.EXIT_USAGE and "gpt2" in result.stderr


def test_labels_that_are_missing_are_named(toy, midpo, tmp_path):
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [{"prompt": "p", "chosen": "a",
                                                        "rejected": "b"}])
    errors = refused(midpo, "cost", "--model", toy / "init", "--data", rows, "--output",
                     tmp_path / "o", *FAST)
    assert "rows.jsonl:1" in errors and "safer_response_id" in errors


@pytest.mark.parametrize(("ids", "words"), [([10**6], "token id 1000000"),
                                            ([2] * 5000, "a sequence has 512 tokens")])
def test_rows_the_model_cannot_take_are_named_before_the_first_step(ids, words, toy, midpo,
                                                                    tmp_path):
    rows = midpo.write_jsonl(tmp_path / "rows.jsonl", [
        {"prompt_ids": [1], "response_ids": [2]}, {"prompt_ids": [1], "response_ids": ids}])
    errors = refused(midpo, "sft", "--model", toy / "init", "--data", rows, "--output",
                     tmp_path / "o", *FAST)
    assert f"rows.jsonl:2: {words}" in errors
    assert not list(tmp_path.rglob("checkpoints/step-*"))


def test_an_output_of_others_is_left_alone(toy, midpo, tmp_path):
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "thesis.txt").write_text("irreplaceable")
    errors = refused(midpo, "dpo", *preferences(toy, tmp_path / "o", "--overwrite"))
    assert "thesis.txt" in errors and "move it away" in errors and "--overwrite" not in errors
    assert (tmp_path / "o" / "thesis.txt").exists()


def test_help_shows_the_defaults_of_each_command(midpo):
    for command, defaults in (("sft", ("accumulation N", "default 8")),
                              ("reward", ("default 16", "default 2.0e-05")),
                              ("expert", ("default 3", "default 1.0e-05"))):
        text = midpo.run_ok(command, "--help").stdout
        assert all(default in text for default in defaults), command
