// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_plan.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/rank_plan.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

using nlohmann::json;

json lora_entry(const LearnerOptions& options) {
  if (!options.lora) return nullptr;
  return {{"rank", options.lora->rank},
          {"alpha", options.lora->alpha},
          {"target_modules", options.lora->target_modules}};
}

json learner_entry(const LearnerJob& job, const LearnerRequest& request, const Learner& learner) {
  const LearnerOptions& options = request.options;
  const std::string output = std::filesystem::absolute(job.output).lexically_normal().string();
  json entry{{"name", job.name},
             {"model", learner.info().content.hex()},
             {"numerics", learner.info().numerics},
             {"dtype", dtype_name(learner.info().dtype)},
             {"objective", static_cast<int>(options.objective)},
             {"lora", lora_entry(options)},
             {"pair_rule", static_cast<int>(request.wish.rule)},
             {"offset", static_cast<int>(job.offset)},
             {"offset_weight", job.offset_weight},
             {"pair_loss", static_cast<int>(options.pair_loss)},
             {"beta", options.beta},
             {"pair_scale", options.pair_scale},
             {"label_smoothing", options.label_smoothing},
             {"gate_width", options.gate_width},
             {"gate_regularizer", options.gate_regularizer},
             {"token_wise", options.is_token_wise},
             {"score_regularizer", options.score_regularizer},
             {"compat_published", options.is_published_compat},
             {"rows", job.train.size()},
             {"eval_rows", job.eval.size()},
             {"output", output}};
  const std::string companion = request.companion ? request.companion->plan() : std::string();
  if (!companion.empty()) entry["follows"] = companion;
  return entry;
}

json steps_entry(const TrainingConfig& config) {
  return {
      {"epochs", config.epochs},         {"max_steps", config.max_steps},
      {"batch_size", config.batch_size}, {"gradient_accumulation", config.gradient_accumulation},
      {"shuffle", config.shuffle},       {"seed", config.seed},
      {"eval_steps", config.eval_steps}};
}

json optimizer_entry(const TrainingConfig& config) {
  return {{"learning_rate", config.learning_rate}, {"schedule", config.schedule},
          {"warmup_ratio", config.warmup_ratio},   {"weight_decay", config.weight_decay},
          {"max_grad_norm", config.max_grad_norm}, {"adam_beta1", config.adam_beta1},
          {"adam_beta2", config.adam_beta2},       {"adam_eps", config.adam_eps}};
}

json score_models(const LearningJob& job) {
  json models = json::object();
  for (const JobModel& model : job.models) {
    models[std::string(role_name(model.role))] = model_identity(model);
  }
  return models;
}

}  // namespace

std::string learning_plan_json(const LearningRequest& request, const LearningJob& job,
                               const std::vector<InputFile>& inputs,
                               const std::vector<std::shared_ptr<Learner>>& learners) {
  json entries = json::object();
  for (std::size_t i = 0; i < learners.size(); ++i) {
    entries[job.learners[i].name] =
        learner_entry(job.learners[i], request.learners[i], *learners[i]);
  }
  const TrainingConfig& config = request.config;
  json tokenizers = json::array();
  for (const auto& made : job.templates) {
    tokenizers.push_back(made ? json(made->tokenizer().content().hex()) : json());
  }
  const json plan{{"plan_version", 1},
                  {"command", request.command},
                  {"data", input_entries(inputs)},
                  {"learners", entries},
                  {"models", score_models(job)},
                  {"tokenizers", tokenizers},
                  {"template", config.compute.template_name},
                  {"max_length", config.compute.max_length},
                  {"on_bad_row", config.on_bad_row},
                  {"steps", steps_entry(config)},
                  {"optimizer", optimizer_entry(config)}};
  return plan.dump(1);
}

void settle_learning_plan(const std::string& path, const std::string& plan) {
  if (!std::filesystem::exists(path)) {
    write_file_atomically(path, plan);
    return;
  }
  check_same_plan(read_whole_file(path), plan);
}

}  // namespace midpo
