// SPDX-License-Identifier: Apache-2.0
// The options that all training commands share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/learning/rank_options.h"
#include "actors/model_options.h"
#include "actors/remote/remote_options.h"
#include "models/learner.h"
#include "runtime/flow/batch_plan.h"
#include "runtime/flow/lr_schedule.h"

namespace midpo {

/// What a training command was asked for. Each command sets its own defaults before it adds the
/// options (docs/method.md, section Training defaults).
struct TrainingConfig {
  TrainingConfig() { compute.dtype = "bfloat16"; }

  std::vector<std::string> data, eval_data;
  std::string model, reward_model, cost_model;
  std::string output, run_dir, scores_dir;
  bool resume = false;
  bool overwrite = false;
  std::string on_bad_row = "fail";
  ComputeConfig compute;

  double epochs = 3.0;
  std::int64_t max_steps = 0;
  std::int64_t batch_size = 4;
  std::int64_t gradient_accumulation = 1;
  bool shuffle = true;
  std::int64_t seed = 42;

  double learning_rate = 1e-5;
  std::string schedule = "cosine";
  double warmup_ratio = 0.03;
  double weight_decay = 0.0;
  double max_grad_norm = 1.0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_eps = 1e-8;
  bool gradient_checkpointing = false;
  bool offload_optimizer = false;

  bool lora = false;
  std::int64_t lora_rank = 16;
  double lora_alpha = 32.0;
  std::vector<std::string> lora_target_modules = {"down_proj"};
  std::string adapter;

  double beta = 0.1;
  std::string compat = "none";

  std::int64_t eval_steps = 0;
  std::int64_t save_steps = 500;
  std::int64_t save_total_limit = 2;
  double step_deadline_seconds = 3600.0;

  std::string scorer_device;
  std::int64_t scorers = 0;
  RemoteConfig remote;
  std::int64_t tile_tokens = 0;
  std::string overlap = "auto";
  double task_deadline_seconds = 600.0;

  RankConfig ranks;
};

/// Data, base model, output, what becomes of an earlier run.
void add_run_options(OptionTable& table, TrainingConfig& config, const std::string& data_help);
/// Epochs, batches, order, optimizer, schedule, evaluation, checkpoints.
void add_step_options(OptionTable& table, TrainingConfig& config);
/// Those, the run's folder, and what computes.
void add_training_options(OptionTable& table, TrainingConfig& config);
/// @param is_optional  with a flag --lora; otherwise the adapter is what is trained
void add_lora_options(OptionTable& table, TrainingConfig& config, bool is_optional);
/// Options of jobs whose rows are scored first.
void add_scoring_options(OptionTable& table, TrainingConfig& config);

/// Where the frozen models compute.
std::vector<std::string> scorer_devices(const TrainingConfig& config);

/// What of the configuration a learner itself needs; objective and losses are the command's.
/// @throws Error(kConfig) for a model that is no directory.
LearnerOptions learner_options(const TrainingConfig& config);

BatchOptions batch_options(const TrainingConfig& config, std::uint64_t num_rows);
LrSchedule lr_schedule(const TrainingConfig& config, std::uint64_t num_steps);

}  // namespace midpo
