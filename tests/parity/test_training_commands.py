# SPDX-License-Identifier: Apache-2.0
"""`midpo dpo` and `midpo sft` as whole commands against TRL's DPOTrainer and transformers' Trainer:
the same rows in the same order, schedule, clipping and optimizer, step by step."""
import json
import random

import pytest
import torch
import transformers
from engine_models import VOCAB, make_language_model

STEPS, BATCH, RATE = 20, 4, 2e-3
OPTIONS = ("--dtype", "float32", "--max-steps", STEPS, "--batch-size", BATCH, "--learning-rate",
           RATE, "--warmup-ratio", "0.1", "--set", "data.shuffle=false")
TOLERANCE = 1e-4


def trainer_arguments(folder):
    return dict(output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=BATCH,
                learning_rate=RATE, lr_scheduler_type="cosine", warmup_steps=2, adam_beta1=0.9,
                adam_beta2=0.95, adam_epsilon=1e-8, weight_decay=0.0, max_grad_norm=1.0,
                logging_steps=1, report_to="none", save_strategy="no", use_cpu=True, bf16=False,
                disable_tqdm=True, remove_unused_columns=False, gradient_checkpointing=False)


def in_file_order(trainer_class):
    class Ordered(trainer_class):
        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

        def _prepare_dataset(self, dataset, *_):
            return dataset  # token ids already
    return Ordered


def draw_ids(rng, length):
    return [rng.randrange(3, VOCAB) for _ in range(length)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_language_model(tmp_path_factory.mktemp("training") / "base", "llama_gqa", seed=5)


def metrics_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_same_curve(ours, theirs, names):
    theirs = [entry for entry in theirs if "loss" in entry]
    assert len(ours) == len(theirs) == STEPS
    for step, (mine, wanted) in enumerate(zip(ours, theirs), 1):
        for name in names:
            difference = abs(mine[name] - float(wanted[name]))
            assert difference <= TOLERANCE * (1 + abs(float(wanted[name]))), (
                step, name, mine, wanted)


def plain_tokenizer():
    from tokenizers import Tokenizer, models
    words = {f"w{i}": i for i in range(VOCAB)}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), unk_token="w0",
        pad_token="w0", bos_token="w1", eos_token="w2")


def test_dpo_follows_trl(base, midpo, tmp_path):
    datasets, peft, trl = (pytest.importorskip(name) for name in ("datasets", "peft", "trl"))
    rng = random.Random(8)
    rows = [{"prompt_ids": draw_ids(rng, rng.randrange(2, 12)),
             "chosen_ids": draw_ids(rng, rng.randrange(1, 20)),
             "rejected_ids": draw_ids(rng, rng.randrange(1, 20))} for _ in range(30)]
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    lora = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["down_proj"], lora_dropout=0.0,
                           task_type="CAUSAL_LM")
    torch.manual_seed(2)
    model = peft.get_peft_model(model, lora)
    model.save_pretrained(tmp_path / "fresh")
    trainer = in_file_order(trl.DPOTrainer)(
        model=model, processing_class=plain_tokenizer(),
        train_dataset=datasets.Dataset.from_list(rows),
        args=trl.DPOConfig(**trainer_arguments(tmp_path / "trl"), beta=0.1, max_length=None))
    trainer.train()
    data = midpo.write_jsonl(tmp_path / "rows.jsonl", [
        {"prompt_ids": row["prompt_ids"], "response_0_ids": row["chosen_ids"],
         "response_1_ids": row["rejected_ids"], "better_response_id": 0} for row in rows])
    midpo.run_ok("dpo", "--model", base, "--data", data, "--output", tmp_path / "out",
                 "--adapter", tmp_path / "fresh", "--lora-rank", 4, "--lora-alpha", 8, *OPTIONS)
    assert_same_curve(metrics_of(tmp_path / "out.run"), trainer.state.log_history,
                      ("loss", "learning_rate", "grad_norm", "epoch", "rewards/margins",
                       "rewards/accuracies", "rewards/chosen", "rewards/rejected"))


def test_sft_follows_transformers(base, midpo, tmp_path):
    rng = random.Random(9)
    rows = [{"prompt_ids": draw_ids(rng, rng.randrange(2, 12)),
             "response_ids": draw_ids(rng, rng.randrange(1, 20))} for _ in range(30)]
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)

    def collate(batch):
        ids = [torch.tensor(row["prompt_ids"] + row["response_ids"]) for row in batch]
        labels = [torch.tensor([-100] * len(row["prompt_ids"]) + row["response_ids"])
                  for row in batch]
        pad = torch.nn.utils.rnn.pad_sequence
        return {"input_ids": pad(ids, batch_first=True),
                "attention_mask": pad([torch.ones_like(row) for row in ids], batch_first=True),
                "labels": pad(labels, batch_first=True, padding_value=-100)}

    trainer = in_file_order(transformers.Trainer)(
        model=model, train_dataset=rows, data_collator=collate,
        args=transformers.TrainingArguments(**trainer_arguments(tmp_path / "hf"),
                                            gradient_accumulation_steps=2))
    trainer.train()
    data = midpo.write_jsonl(tmp_path / "rows.jsonl", rows)
    midpo.run_ok("sft", "--model", base, "--data", data, "--output", tmp_path / "out",
                 "--gradient-accumulation", 2, *OPTIONS)
    assert_same_curve(metrics_of(tmp_path / "out.run"), trainer.state.log_history,
                      ("loss", "learning_rate", "grad_norm", "epoch"))
