// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/training_options.h"

#include "runtime/core/error.h"

namespace midpo {

namespace {

constexpr double kHuge = 1e12;
constexpr std::int64_t kMany = std::int64_t{1} << 40;

void add_batch_options(OptionTable& table, TrainingConfig& config) {
  table.group("Steps");
  table.number("epochs", &config.epochs, 0.0, 1e6, "Times every row is trained on").aliases = {
      "num_train_epochs", "num_epochs"};
  table.integer("max_steps", &config.max_steps, 0, kMany,
                "Optimizer steps; wins over epochs; 0: by epochs");
  table.integer("batch_size", &config.batch_size, 1, 1 << 20, "Rows computed together").aliases = {
      "per_device_train_batch_size"};
  table
      .integer("gradient_accumulation", &config.gradient_accumulation, 1, 1 << 20,
               "Batches of one optimizer step")
      .aliases = {"gradient_accumulation_steps"};
  table.flag("shuffle", &config.shuffle, "Another order in every epoch, by the seed").aliases = {
      "data.shuffle"};
  table.integer("seed", &config.seed, 0, INT64_MAX, "Order of rows and initial weights");
}

void add_optimizer_options(OptionTable& table, TrainingConfig& config) {
  table.group("Optimizer");
  table.number("learning_rate", &config.learning_rate, 0.0, 1e3, "Peak of the schedule").aliases = {
      "lr"};
  table
      .choice("schedule", &config.schedule, {"cosine", "linear", "constant"},
              "Learning rate behind the warm-up")
      .aliases = {"lr_scheduler_type"};
  table.number("warmup_ratio", &config.warmup_ratio, 0.0, 1.0, "Share of all steps that warm up");
  table.number("weight_decay", &config.weight_decay, 0.0, 1e3,
               "AdamW's; not of norms, biases and adapters");
  table.number("max_grad_norm", &config.max_grad_norm, 0.0, kHuge,
               "Gradients are clipped to it; 0: not");
  table.number("adam_beta1", &config.adam_beta1, 0.0, 1.0, "AdamW's first decay");
  table.number("adam_beta2", &config.adam_beta2, 0.0, 1.0, "AdamW's second decay");
  table.number("adam_eps", &config.adam_eps, 0.0, 1.0, "AdamW's epsilon").aliases = {
      "adam_epsilon"};
  table
      .flag("gradient_checkpointing", &config.gradient_checkpointing,
            "Compute activations again in the backward pass: less memory, more time")
      .aliases = {"activation_checkpointing"};
  table.flag("offload_optimizer", &config.offload_optimizer,
             "Keep the optimizer's moments in host memory");
}

bool wants_other_lora(const TrainingConfig& config) {
  const TrainingConfig defaults;
  return config.lora_rank != defaults.lora_rank || config.lora_alpha != defaults.lora_alpha ||
         config.lora_target_modules != defaults.lora_target_modules;
}

}  // namespace

void add_run_options(OptionTable& table, TrainingConfig& config, const std::string& data_help) {
  table.group("Data and models");
  table.text_list("data", &config.data, "FILE", data_help).is_required = true;
  table.text_list("eval_data", &config.eval_data, "FILE", "Rows to evaluate on, same form");
  Option& model = table.text("model", &config.model, "DIR", "Base model, Hugging Face directory");
  model.aliases = {"base", "model_name_or_path"};
  model.is_required = true;
  Option& output = table.text("output", &config.output, "DIR", "What is trained, as users load it");
  output.aliases = {"output_dir"};
  output.is_required = true;
  table.choice("on_bad_row", &config.on_bad_row, {"fail", "quarantine"},
               "What a row that cannot be used does");
  table.group("Run");
  table.flag("resume", &config.resume,
             "Continue an interrupted run; starts one where there is none");
  table.flag("overwrite", &config.overwrite, "Discard an earlier run and its output");
}

void add_step_options(OptionTable& table, TrainingConfig& config) {
  add_batch_options(table, config);
  add_optimizer_options(table, config);
  table.group("Evaluation and checkpoints");
  table.integer("eval_steps", &config.eval_steps, 0, kMany,
                "Steps between evaluations; 0: at the end");
  table.integer("save_steps", &config.save_steps, 0, kMany,
                "Steps between checkpoints; 0: at the end");
  table.integer("save_total_limit", &config.save_total_limit, 0, kMany,
                "Checkpoints that are kept; 0: all");
  table.number("step_deadline_seconds", &config.step_deadline_seconds, 0.1, 1e7,
               "A step that takes longer stops the run; so do a batch of an evaluation and the "
               "writing of the result");
  table.choice("compat", &config.compat, {"none", "published"},
               "published: the formulas of the published code where they differ");
}

void add_training_options(OptionTable& table, TrainingConfig& config) {
  add_step_options(table, config);
  table.text("run_dir", &config.run_dir, "DIR", "Folder of the run's state; default: OUTPUT.run");
  add_compute_options(table, config.compute);
  add_rank_options(table, config.ranks);
  table.choice("rank_source", &config.ranks.source, {"processes", "workers"},
               "processes: ranks are processes of this host, or started by hand; workers: midpo "
               "worker processes that listen lets in become ranks");
}

void add_lora_options(OptionTable& table, TrainingConfig& config, bool is_optional) {
  table.group("LoRA");
  if (is_optional) {
    table.flag("lora", &config.lora, "Train an adapter instead of all weights");
  }
  table.integer("lora_rank", &config.lora_rank, 1, 1 << 14, "Rank of the adapter").aliases = {
      "lora_r", "rank"};
  table.number("lora_alpha", &config.lora_alpha, 1e-6, 1e6, "The adapter's scale is alpha / rank")
      .aliases = {"alpha"};
  table
      .text_list("lora_target_modules", &config.lora_target_modules, "NAME",
                 "Last parts of the names of the modules that get an adapter")
      .aliases = {"target_modules"};
  table.text("adapter", &config.adapter, "DIR",
             "Start from this PEFT adapter instead of a fresh one");
}

void add_scoring_options(OptionTable& table, TrainingConfig& config) {
  table.group("Scoring");
  table.text("scores_dir", &config.scores_dir, "DIR",
             "Folder of the scores, shared between runs; default: scores/ in the run's state");
  table.choice("overlap", &config.overlap, {"auto", "yes", "no"},
               "Train while rows are still scored; auto: not on the CPU, which does both");
  table.text("scorer_device", &config.scorer_device, "DEVICE",
             "Where frozen models compute: cpu, or cuda:0,cuda:1; default: as device");
  table.integer("scorers", &config.scorers, 0, 4096,
                "Scorers per model; 0: one per core (CPU) or device, none with --listen");
  table.integer("tile_tokens", &config.tile_tokens, 0, 1 << 22,
                "Packed tokens per scorer call; 0: the device's best");
  table.number("task_deadline_seconds", &config.task_deadline_seconds, 1.0, 1e6,
               "A tile that takes longer stops the run");
  add_remote_options(table, config.remote);
}

std::vector<std::string> scorer_devices(const TrainingConfig& config) {
  ComputeConfig compute = config.compute;
  if (!config.scorer_device.empty()) compute.device = config.scorer_device;
  return device_list(compute);
}

LearnerOptions learner_options(const TrainingConfig& config) {
  require(config.lora || !wants_other_lora(config), ErrorCode::kConfig,
          "--lora-rank, --lora-alpha or --lora-target-modules would not be used, since all weights "
          "are trained; train an adapter (--lora, no --full), or leave them out");
  require(config.lora || config.adapter.empty(), ErrorCode::kConfig,
          "--adapter: " + config.adapter +
              " would not be used, since all weights are trained; train an adapter (--lora, no "
              "--full), or merge it into the model first: midpo export --format merged");
  LearnerOptions options;
  options.model =
      model_options(config.compute, config.model, device_list(config.compute).front(), "model");
  if (config.lora) {
    options.lora = LoraOptions{config.lora_rank, config.lora_alpha, config.lora_target_modules};
  }
  options.resume_adapter = config.adapter;
  options.beta = config.beta;
  options.adam_beta1 = config.adam_beta1;
  options.adam_beta2 = config.adam_beta2;
  options.adam_eps = config.adam_eps;
  options.weight_decay = config.weight_decay;
  options.max_grad_norm = config.max_grad_norm;
  options.checkpoints_activations = config.gradient_checkpointing;
  options.offloads_optimizer = config.offload_optimizer;
  options.is_published_compat = config.compat == "published";
  options.seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

BatchOptions batch_options(const TrainingConfig& config, std::uint64_t num_rows) {
  BatchOptions options;
  options.num_rows = num_rows;
  options.batch_size = static_cast<std::uint64_t>(config.batch_size);
  options.accumulation = static_cast<std::uint64_t>(config.gradient_accumulation);
  options.num_epochs = config.epochs;
  options.max_steps = static_cast<std::uint64_t>(config.max_steps);
  options.shuffles = config.shuffle;
  options.seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

LrSchedule lr_schedule(const TrainingConfig& config, std::uint64_t num_steps) {
  return {schedule_kind_from_name(config.schedule), config.learning_rate,
          warmup_steps(config.warmup_ratio, num_steps), num_steps};
}

}  // namespace midpo
