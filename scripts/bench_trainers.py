#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainers that people use in Python, as bench_train_peers.py runs them: transformers' Trainer,
TRL's DPOTrainer and RewardTrainer, on token rows, in the order of the file, without saving and
logging.

Weights are of the run's dtype, optimizer states too: what takes least time and memory there.
"""
import sys
import time

import datasets
import peft
import torch
import torch.nn.functional as F
import transformers
import trl

BETA = 0.1
LORA = dict(r=16, lora_alpha=32, target_modules=["down_proj"])
WARM_UP = 2
LEARNING_RATE = 2e-5
PADDING = 0


def wait_for_signal():
    print("ready", flush=True)
    sys.stdin.readline()


def load_policy(folder, dtype):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype,
                                                             attn_implementation="sdpa")


def load_scorer(folder, dtype):
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=dtype, attn_implementation="sdpa", num_labels=1, pad_token_id=PADDING)


def pad(sequences):
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), PADDING, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for slot, sequence in enumerate(sequences):
        ids[slot, :len(sequence)] = torch.tensor(sequence)
        mask[slot, :len(sequence)] = 1
    return ids, mask


class Clock(transformers.TrainerCallback):
    """Starts when the warm-up is over."""

    def on_step_end(self, args, state, control, **_):
        if state.global_step == WARM_UP:
            wait_for_signal()
            self.start = time.perf_counter()
        self.end = time.perf_counter()


class InOrder:
    """A trainer that takes the rows as they come."""

    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def _prepare_dataset(self, dataset, *_):
        return dataset


def settings(args, batch_size):
    return dict(output_dir=args.work, per_device_train_batch_size=batch_size, num_train_epochs=1,
                learning_rate=LEARNING_RATE, lr_scheduler_type="cosine", adam_beta2=0.95,
                optim="adamw_torch_fused", max_grad_norm=1.0, use_cpu=True, bf16=False,
                gradient_checkpointing=False, report_to=[], save_strategy="no",
                logging_strategy="no", disable_tqdm=True, remove_unused_columns=False)


def timed(make_trainer, model, config, rows, **more):
    clock = Clock()
    trainer = make_trainer(model=model, args=config, callbacks=[clock],
                           train_dataset=datasets.Dataset.from_list(rows), **more)
    trainer.train()
    return clock.end - clock.start


def preference_rows(batches):
    return [{"chosen_ids": pair[0], "rejected_ids": pair[1]} for batch in batches for pair in batch]


def run_dpo(args, dtype, batches):
    class Trainer(InOrder, trl.DPOTrainer):
        pass

    rows = [{"prompt_ids": pair[0][:pair[2]], "chosen_ids": pair[0][pair[2]:],
             "rejected_ids": pair[1][pair[2]:]} for batch in batches for pair in batch]
    config = trl.DPOConfig(**settings(args, len(batches[0])), beta=BETA,
                           precompute_ref_log_probs=True, max_length=512)
    return timed(Trainer, load_policy(args.base, dtype), config, rows,
                 processing_class=transformers.AutoTokenizer.from_pretrained(args.base),
                 peft_config=peft.LoraConfig(**LORA))


def collate_answers(rows):
    """Cross-entropy is on the answers only."""
    ids, mask = pad([row["ids"] for row in rows])
    labels = ids.masked_fill(mask == 0, -100)
    for slot, row in enumerate(rows):
        labels[slot, :row["prompt_length"]] = -100
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def run_sft(args, dtype, batches):
    class Trainer(InOrder, transformers.Trainer):
        pass

    rows = [{"ids": pair[0], "prompt_length": pair[2]} for batch in batches for pair in batch]
    config = transformers.TrainingArguments(**settings(args, len(batches[0])))
    return timed(Trainer, load_policy(args.base, dtype), config, rows,
                 data_collator=collate_answers)


def run_reward(args, dtype, batches):
    class Trainer(InOrder, trl.RewardTrainer):
        pass

    config = trl.RewardConfig(**settings(args, len(batches[0])), max_length=512,
                              center_rewards_coefficient=0.001)
    return timed(Trainer, load_scorer(args.base, dtype), config, preference_rows(batches),
                 processing_class=transformers.AutoTokenizer.from_pretrained(args.base))


def collate_pairs(rows):
    ids, mask = pad([row["chosen_ids"] for row in rows] + [row["rejected_ids"] for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def run_cost(args, dtype, batches):
    """Preferred responses are safe, the others not: the ranking loss and the two signs'."""
    class Trainer(InOrder, transformers.Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, **_):
            costs = model(**inputs).logits[:, 0].float()
            safe, unsafe = costs.chunk(2)
            loss = -(F.logsigmoid(unsafe - safe) + F.logsigmoid(-safe) + F.logsigmoid(unsafe))
            return loss.mean() + 0.001 * costs.square().mean()

    config = transformers.TrainingArguments(**settings(args, len(batches[0])))
    return timed(Trainer, load_scorer(args.base, dtype), config, preference_rows(batches),
                 data_collator=collate_pairs)


TRAINERS = {"trl-dpo": run_dpo, "trainer-sft": run_sft, "trl-reward": run_reward,
            "trainer-cost": run_cost}
