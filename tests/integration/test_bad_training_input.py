# SPDX-License-Identifier: Apache-2.0
"""Every trainer, and what uses the trained models, with input that is missing, wrong or poisonous, and
without room on the disk: an error that names it, and nothing lost."""
import argparse
import json
import math
import resource
import shutil
import signal

import pytest
import toy_world
from safetensors.torch import load_file, save_file

FAST = ("--dtype", "float32", "--max-steps", 4, "--batch-size", 4, "--warmup-ratio", 0,
        "--save-steps", 1)


@pytest.fixture(scope="module")
def toy(tmp_path_factory, midpo):
    """A base model, score models and experts of it, an expert of a base of another size, a router."""
    folder = tmp_path_factory.mktemp("toy")
    toy_world.write_world(folder, argparse.Namespace(seed=3, sft_rows=24, preferences=24,
                                                     prompts=4))
    rows = [json.loads(line) for line in
            (folder / "preferences_train.jsonl").read_text().splitlines()]
    midpo.write_jsonl(folder / "d_dual.jsonl", [
        {**row, "safer_response_id": row["better_response_id"]} for row in rows])
    midpo.write_jsonl(folder / "responses.jsonl", [
        {"prompt": row["prompt"], "response": row["response_0"]} for row in rows])
    make_other_models(folder)
    once = ("--max-steps", 1, "--dtype", "float32", "--data", folder / "preferences_train.jsonl")
    for kind in ("reward", "cost"):
        midpo.run_ok(kind, "--model", folder / "init", *once, "--output", folder / kind)
    for base, output in (("init", "expert"), ("wide", "wide_expert")):
        midpo.run_ok("dpo", "--model", folder / base, *once, "--output", folder / output)
    midpo.run_ok("router", "--model", folder / "init", "--max-steps", 1, "--dtype", "float32",
                 "--data", folder / "d_dual.jsonl", "--safety-adapter", folder / "expert",
                 "--helpfulness-adapter", folder / "expert", "--gate-width", 4, "--output",
                 folder / "router")
    return folder


def make_other_models(folder):
    shutil.copytree(folder / "init", folder / "gpt")
    config = json.loads((folder / "gpt" / "config.json").read_text())
    config.update(architectures=["GPT2LMHeadModel"], model_type="gpt2")
    (folder / "gpt" / "config.json").write_text(json.dumps(config))
    usual = toy_world.INTERMEDIATE
    toy_world.INTERMEDIATE = 2 * usual
    toy_world.write_init(folder / "wide", 3)
    toy_world.INTERMEDIATE = usual


def commands(toy, output):
    """Name -> arguments of a run that works."""
    pairs = ("--model", toy / "init", "--data", toy / "preferences_train.jsonl", "--output", output)
    mixture = ("--safety-adapter", toy / "expert", "--helpfulness-adapter", toy / "expert")
    scores = ("--reward-model", toy / "reward", "--cost-model", toy / "cost")
    return {
        "sft": ["sft", "--model", toy / "init", "--data", toy / "sft.jsonl", "--output", output],
        "reward": ["reward", *pairs], "cost": ["cost", *pairs], "dpo": ["dpo", *pairs],
        "expert": ["expert", "--kind", "both", *pairs, *scores],
        "router": ["router", "--model", toy / "init", "--data", toy / "d_dual.jsonl", "--output",
                   output, "--gate-width", 4, *mixture],
        "generate": ["generate", "--model", toy / "init", "--data", toy / "prompts_test.jsonl",
                     "--output", output, "--max-new-tokens", 4, "--router", toy / "router",
                     *mixture],
        "evaluate": ["evaluate", "--data", toy / "responses.jsonl", *scores, "--output",
                     output.with_suffix(".jsonl")],
        "chat": ["chat", "--model", toy / "init", "--router", toy / "router", *mixture],
        "export": ["export", "--model", toy / "init", "--router", toy / "router", "--output",
                   output, *mixture],
    }


TRAINERS = ("sft", "reward", "cost", "dpo", "expert", "router")


def arguments(toy, output, name, *more, **replaced):
    """The command with some options' values replaced, more of them, and few steps."""
    words = list(commands(toy, output)[name])
    for option, value in replaced.items():
        words[words.index("--" + option.replace("_", "-")) + 1] = value
    return [*words, *(FAST if name in TRAINERS else ()), *more]


def refused(midpo, words, status=2):
    result = midpo.run(*words, input="" if words[0] == "chat" else None)
    assert result.returncode == status, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr and "terminate" not in result.stderr
    return result.stderr


FILES = [(name, "model") for name in (*TRAINERS, "generate", "chat", "export")]
FILES += [(name, "data") for name in (*TRAINERS, "generate", "evaluate")]
FILES += [("expert", "reward_model"), ("expert", "cost_model"), ("evaluate", "reward_model"),
          ("evaluate", "cost_model")]
FILES += [(name, option) for name in ("router", "generate", "chat", "export")
          for option in ("safety_adapter", "helpfulness_adapter")]
FILES += [(name, "router") for name in ("generate", "chat", "export")]


@pytest.mark.parametrize(("name", "option"), FILES)
def test_what_is_missing_is_named(name, option, midpo, toy, tmp_path):
    missing = tmp_path / "missing.jsonl"
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, **{option: missing}))
    assert str(missing) in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", (*TRAINERS, "generate", "chat", "export"))
def test_another_architecture_is_refused(name, midpo, toy, tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, model=toy / "gpt"))
    assert "gpt2" in errors or "GPT2" in errors


@pytest.mark.parametrize("option", ("reward_model", "cost_model"))
@pytest.mark.parametrize("name", ("expert", "evaluate"))
def test_a_language_model_is_no_score_model(name, option, midpo, toy, tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, **{option: toy / "init"}))
    assert str(toy / "init") in errors and "score" in errors


@pytest.mark.parametrize("option", ("safety_adapter", "helpfulness_adapter"))
@pytest.mark.parametrize("name", ("router", "generate", "chat", "export"))
def test_an_expert_of_another_base_is_refused(name, option, midpo, toy, tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, **{option: toy / "wide_expert"}))
    is_by_shape = "wide_expert" in errors and "shape" in errors
    assert is_by_shape or "its gates were trained with" in errors


@pytest.mark.parametrize("name", ("sft", "dpo", "expert"))
def test_an_adapter_to_start_from_of_another_base_is_refused(name, midpo, toy, tmp_path):
    more = ("--lora",) if name == "sft" else ()
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, "--adapter", toy / "wide_expert",
                                      *more))
    assert "wide_expert" in errors and "shape" in errors


@pytest.mark.parametrize("name", ("generate", "chat", "export"))
def test_a_router_of_another_base_is_refused(name, midpo, toy, tmp_path):
    words = arguments(toy, tmp_path / "out", name, model=toy / "wide",
                      safety_adapter=toy / "wide_expert", helpfulness_adapter=toy / "wide_expert")
    assert str(toy / "router") in refused(midpo, words)


@pytest.mark.parametrize("name", TRAINERS)
def test_data_of_no_rows_is_refused(name, midpo, toy, tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, data=tmp_path / "empty.jsonl"))
    assert "no row" in errors or "empty" in errors


@pytest.mark.parametrize("name", ("sft", "reward", "cost", "dpo", "expert"))
def test_a_loss_that_is_nan_names_step_and_rows_and_keeps_the_state(name, midpo, toy, tmp_path):
    """Without AdamW's epsilon, weights whose gradient is zero become NaN in the first step."""
    more = ("--adam-eps", 0, *(("--lora",) if name == "sft" else ()))
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, *more), midpo.EXIT_FAILED)
    assert "step 2, rows" in errors and "nan" in errors
    checkpoints = list((tmp_path / "out.run").rglob("checkpoints/step-1/state.safetensors"))
    assert checkpoints and not (tmp_path / "out").exists()


def test_gates_that_are_nan_name_step_and_rows(midpo, toy, tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", "router", "--adam-eps", 0,
                                      "--adam-beta2", 1, "--learning-rate", 1000),
                     midpo.EXIT_FAILED)
    assert "router, step 2, rows" in errors
    assert (tmp_path / "out.run" / "checkpoints" / "step-1").is_dir()


def with_config(expert, folder, **changes):
    """The expert with other values in its adapter_config.json."""
    shutil.copytree(expert, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    return folder


@pytest.mark.parametrize("more, options", [
    (["--lora-rank", 4], {}),
    (["--lora-alpha", 8], {}),
    (["--lora-target-modules", "q_proj"], {}),
    ([], {"lora_alpha": 4, "use_rslora": True})])
def test_an_adapter_to_start_from_says_how_it_was_made(more, options, midpo, toy, tmp_path):
    """It used to be saved under the options' rank, with what lay behind its weights in memory."""
    expert = with_config(toy / "expert", tmp_path / "expert", **options)
    errors = refused(midpo, arguments(toy, tmp_path / "out", "dpo", "--adapter", expert, *more))
    alpha = 16 if options else 32
    wanted = f"give --lora-rank 16 --lora-alpha {alpha} --lora-target-modules down_proj"
    assert str(expert) in errors and wanted in errors
    if options:
        midpo.run_ok(*arguments(toy, tmp_path / "again", "dpo", "--adapter", expert,
                                "--lora-alpha", alpha, "--max-steps", 1))


@pytest.mark.parametrize("name, more", (
    ("sft", ["--lora-rank", 4]), ("sft", ["--lora-target-modules", "q_proj"]),
    ("dpo", ["--full", "--lora-alpha", 8])))
def test_what_describes_an_adapter_is_refused_where_all_weights_are_trained(name, more, midpo, toy,
                                                                            tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, *more))
    assert "would not be used" in errors and more[-2] in errors


def test_an_adapter_of_several_scales_is_not_trained_further(midpo, toy, tmp_path):
    expert = with_config(toy / "expert", tmp_path / "expert",
                         alpha_pattern={"layers.0.mlp.down_proj": 2})
    errors = refused(midpo, arguments(toy, tmp_path / "out", "dpo", "--adapter", expert))
    assert "only an adapter of one rank and scale" in errors


@pytest.mark.parametrize("name, more", [("sft", ()), ("dpo", ("--full",))])
def test_an_adapter_that_would_not_be_used_is_refused(name, more, midpo, toy, tmp_path):
    errors = refused(midpo, arguments(toy, tmp_path / "out", name, "--adapter", toy / "expert",
                                      *more))
    assert "--adapter" in errors and "export --format merged" in errors


def test_experts_of_two_scales_are_refused(midpo, toy, tmp_path):
    expert = with_config(toy / "expert", tmp_path / "expert", lora_alpha=7)
    errors = refused(midpo, arguments(toy, tmp_path / "out", "router",
                                      helpfulness_adapter=expert))
    assert str(expert) in errors and "two experts of one scale" in errors


def test_experts_on_other_projections_cannot_be_gated(midpo, toy, tmp_path):
    midpo.run_ok("dpo", "--model", toy / "init", "--data", toy / "preferences_train.jsonl",
                 "--lora-target-modules", "down_proj", "q_proj", "--max-steps", 1, "--output",
                 tmp_path / "expert")
    errors = refused(midpo, arguments(toy, tmp_path / "out", "router",
                                      safety_adapter=tmp_path / "expert"))
    assert "q_proj; the gates weigh mlp.down_proj only" in errors


def poisoned(expert, folder, value):
    """The expert with a weight of its last layer's factors set to the value."""
    shutil.copytree(expert, folder)
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    for factor in ("lora_A", "lora_B"):
        tensors[max(name for name in tensors if factor in name)][0, :] = value
    save_file(tensors, file, metadata={"format": "pt"})
    return folder


def with_expert(toy, output, name, expert):
    if name == "router":
        return arguments(toy, output, name, helpfulness_adapter=expert)
    return arguments(toy, output, name, "--adapter", expert)


@pytest.mark.parametrize("name", ("router", "dpo"))
def test_an_expert_that_gives_nan_names_step_and_rows(name, midpo, toy, tmp_path):
    """Each weight is a number, their product is none."""
    expert = poisoned(toy / "expert", tmp_path / "expert", 1e30)
    errors = refused(midpo, with_expert(toy, tmp_path / "out", name, expert), midpo.EXIT_FAILED)
    assert "step 1, rows" in errors
    assert (tmp_path / "out.run").is_dir() and not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", (math.inf, math.nan))
@pytest.mark.parametrize("name", ("router", "dpo"))
def test_an_expert_with_a_weight_that_is_no_number_is_refused(name, value, midpo, toy, tmp_path):
    expert = poisoned(toy / "expert", tmp_path / "expert", value)
    errors = refused(midpo, with_expert(toy, tmp_path / "out", name, expert))
    assert str(expert) in errors and "NaN or Inf" in errors


def limit_files(size):
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return {"preexec_fn": apply, "restore_signals": False}


@pytest.mark.parametrize("name", TRAINERS)
def test_no_room_for_a_checkpoint_fails_by_name_and_resumes(name, midpo, toy, tmp_path):
    words = arguments(toy, tmp_path / "out", name, "--resume")
    result = midpo.run(*words, **limit_files(60_000))
    assert result.returncode == midpo.EXIT_FAILED, result.stderr
    assert "File too large" in result.stderr and str(tmp_path) in result.stderr
    assert not (tmp_path / "out").exists()
    midpo.run_ok(*words)
    assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize("name", ("generate", "evaluate", "export"))
def test_no_room_for_an_output_fails_by_name(name, midpo, toy, tmp_path):
    words = arguments(toy, tmp_path / "out", name)
    result = midpo.run(*words, **limit_files(300))
    assert result.returncode == midpo.EXIT_FAILED, result.stderr
    assert "File too large" in result.stderr and str(tmp_path) in result.stderr
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.jsonl").exists()
    midpo.run_ok(*words, *(("--resume",) if name == "generate" else ()))
