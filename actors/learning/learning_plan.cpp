// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_plan.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/rank_plan.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"
#include "runtime/data/byte_stream.h"

namespace midpo {
namespace {

using nlohmann::json;

json lora_entry(const LearnerOptions& options) {
  if (!options.lora) return nullptr;
  return {{"rank", options.lora->rank},
          {"alpha", options.lora->alpha},
          {"target_modules", options.lora->target_modules}};
}

json learner_settings(const LearnerRequest& request) {
  const LearnerOptions& options = request.options;
  return {{"objective", static_cast<int>(options.objective)},
          {"lora", lora_entry(options)},
          {"pair_rule", static_cast<int>(request.wish.rule)},
          {"offset", static_cast<int>(request.offset)},
          {"offset_weight", request.offset_weight},
          {"pair_loss", static_cast<int>(options.pair_loss)},
          {"beta", options.beta},
          {"pair_scale", options.pair_scale},
          {"label_smoothing", options.label_smoothing},
          {"gate_width", options.gate_width},
          {"gate_regularizer", options.gate_regularizer},
          {"token_wise", options.is_token_wise},
          {"score_regularizer", options.score_regularizer},
          {"compat_published", options.is_published_compat},
          {"follows", request.companion ? request.companion->plan() : ""}};
}

/// What only models and rows can say.
json learner_facts(const LearnerJob& job, const Learner& learner, const std::string& run_dir) {
  return {{"name", job.name},
          {"model", learner.info().content.hex()},
          {"numerics", learner.info().numerics},
          {"dtype", dtype_name(learner.info().dtype)},
          {"rows", job.train.size()},
          {"eval_rows", job.eval.size()},
          {"output", path_from(run_dir, job.output)}};
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

/// The part of the plan that needs no model.
json settings_of(const LearningRequest& request, const std::vector<InputFile>& inputs) {
  const TrainingConfig& config = request.config;
  json learners = json::object();
  for (const LearnerRequest& learner : request.learners) {
    learners[learner.name] = learner_settings(learner);
  }
  json settings{{"command", request.command},
                {"data", input_entries(inputs)},
                {"learners", learners},
                {"template", config.compute.template_name},
                {"max_length", config.compute.max_length},
                {"on_bad_row", config.on_bad_row},
                {"steps", steps_entry(config)},
                {"optimizer", optimizer_entry(config)}};
  if (request.ranking) settings["policy"] = ranking_policy_name(request.ranking->policy);
  return settings;
}

/// Empty if one of them is gone: a finished run does not need it any more.
std::vector<InputFile> inputs_still_there(const std::vector<std::string>& paths) {
  std::vector<InputFile> inputs;
  for (const std::string& path : paths) {
    if (!std::filesystem::exists(path)) return {};
    const FileStamp stamp = stamp_of(path);
    inputs.push_back({path, stamp.size_bytes, stamp.mtime_ns});
  }
  return inputs;
}

/// Of the keys in `keys`, whatever lies below them.
json part_of(const json& whole, const json& keys) {
  if (!whole.is_object() || !keys.is_object()) return whole;
  json part = json::object();
  for (const auto& [key, below] : keys.items()) {
    if (whole.contains(key)) part[key] = part_of(whole[key], below);
  }
  return part;
}

}  // namespace

std::string learning_plan_json(const LearningRequest& request, const LearningJob& job,
                               const std::vector<InputFile>& inputs,
                               const std::vector<std::shared_ptr<Learner>>& learners) {
  json plan = settings_of(request, inputs);
  for (std::size_t i = 0; i < learners.size(); ++i) {
    const LearnerJob& learner = job.learners[i];
    plan["learners"][learner.name].update(
        learner_facts(learner, *learners[i], request.config.run_dir));
  }
  plan["plan_version"] = 1;
  plan["models"] = score_models(job);
  plan["tokenizers"] = json::array();
  for (const auto& made : job.templates) {
    plan["tokenizers"].push_back(made ? json(made->tokenizer().content().hex()) : json());
  }
  return plan.dump(1);
}

void check_finished_plan(const std::string& path, const LearningRequest& request) {
  std::vector<std::string> data = request.config.data;
  data.insert(data.end(), request.config.eval_data.begin(), request.config.eval_data.end());
  check_finished_settings(path, data, [&](const std::vector<InputFile>& inputs) {
    return settings_of(request, inputs).dump();
  });
}

void check_finished_settings(
    const std::string& path, const std::vector<std::string>& data,
    const std::function<std::string(const std::vector<InputFile>&)>& settings) {
  const std::vector<InputFile> inputs = inputs_still_there(data);
  json wanted = json::parse(settings(inputs));
  if (inputs.empty()) wanted.erase("data");
  const json recorded = json::parse(read_whole_file(path));
  check_same_plan(part_of(recorded, wanted).dump(), wanted.dump());
}

std::string optimizer_settings(const TrainingConfig& config) {
  return optimizer_entry(config).dump();
}

void settle_learning_plan(const std::string& path, const std::string& plan) {
  if (!std::filesystem::exists(path)) {
    write_file_atomically(path, plan);
    return;
  }
  check_same_plan(read_whole_file(path), plan);
}

}  // namespace midpo
