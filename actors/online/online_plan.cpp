// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_plan.h"

#include <nlohmann/json.hpp>

#include "actors/learning/learning_plan.h"
#include "actors/rank_plan.h"

namespace midpo {
namespace {

using nlohmann::json;

json samples_entry(const SamplingConfig& sampling) {
  return {{"num_samples", sampling.num_samples},
          {"max_new_tokens", sampling.max_new_tokens},
          {"temperature", sampling.temperature},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"repetition_penalty", sampling.repetition_penalty},
          {"stop", sampling.stop},
          {"ignore_eos", sampling.ignore_eos},
          {"seed", sampling.seed}};
}

json learner_entry(const OnlineConfig& config) {
  const TrainingConfig& training = config.training;
  json learner{{"kind", config.learner}, {"beta", training.beta}};
  if (config.learner == "router") {
    learner["gate_width"] = config.gates.gate_width;
    learner["gate_regularizer"] = config.gates.gate_regularizer;
  } else {
    learner["lora_rank"] = training.lora_rank;
    learner["lora_alpha"] = training.lora_alpha;
    learner["lora_target_modules"] = training.lora_target_modules;
  }
  return learner;
}

/// The part of the plan that needs no model.
json settings_of(const OnlineConfig& config, const std::vector<InputFile>& inputs) {
  const TrainingConfig& training = config.training;
  return {{"command", "run online"},
          {"data", input_entries(inputs)},
          {"learner", learner_entry(config)},
          {"policy", config.policy},
          {"max_staleness", config.max_staleness},
          {"max_length", training.compute.max_length},
          {"template", training.compute.template_name},
          {"samples", samples_entry(config.sampling)},
          {"steps",
           {{"epochs", training.epochs},
            {"max_steps", training.max_steps},
            {"batch_size", training.batch_size},
            {"shuffle", training.shuffle},
            {"seed", training.seed}}},
          {"optimizer", json::parse(optimizer_settings(training))}};
}

}  // namespace

std::string online_plan_json(const OnlineConfig& config, const OnlineJob& job,
                             const Learner& learner, const std::vector<InputFile>& inputs) {
  json plan = settings_of(config, inputs);
  plan["plan_version"] = 1;
  plan["rounds"] = job.num_rounds();
  plan["stops"] = job.generation.responses.stops;
  plan["model"] = learner.info().content.hex();
  plan["numerics"] = learner.info().numerics;
  for (const JobModel& model : job.models) {
    plan["models"][std::string(role_name(model.role))] = model_identity(model);
  }
  plan["tokenizers"] = json::array();
  for (const auto& made : job.templates) {
    plan["tokenizers"].push_back(made ? json(made->tokenizer().content().hex()) : json());
  }
  return plan.dump(1);
}

void check_finished_online_plan(const std::string& path, const OnlineConfig& config) {
  check_finished_settings(path, config.training.data, [&](const std::vector<InputFile>& inputs) {
    return settings_of(config, inputs).dump();
  });
}

}  // namespace midpo
