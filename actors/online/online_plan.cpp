// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_plan.h"

#include <nlohmann/json.hpp>

#include "actors/rank_plan.h"

namespace midpo {

std::string online_plan_json(const OnlineConfig& config, const OnlineJob& job,
                             const Learner& learner, const std::vector<InputFile>& inputs) {
  const TrainingConfig& training = config.training;
  nlohmann::json models;
  for (const JobModel& model : job.models) {
    models[std::string(role_name(model.role))] = model_identity(model);
  }
  const ResponseOptions& responses = job.generation.responses;
  const nlohmann::json plan{{"plan_version", 1},
                            {"command", "run online"},
                            {"data", input_entries(inputs)},
                            {"models", models},
                            {"learner", config.learner},
                            {"model", learner.info().content.hex()},
                            {"numerics", learner.info().numerics},
                            {"policy", config.policy},
                            {"max_staleness", config.max_staleness},
                            {"max_length", job.max_length},
                            {"samples",
                             {{"num_samples", responses.num_samples},
                              {"max_new_tokens", responses.max_new_tokens},
                              {"temperature", responses.sampling.temperature},
                              {"top_k", responses.sampling.top_k},
                              {"top_p", responses.sampling.top_p},
                              {"repetition_penalty", responses.sampling.repetition_penalty},
                              {"stops", responses.stops},
                              {"seed", responses.seed}}},
                            {"steps",
                             {{"rounds", job.num_rounds()},
                              {"batch_size", training.batch_size},
                              {"shuffle", training.shuffle},
                              {"seed", training.seed}}},
                            {"optimizer",
                             {{"learning_rate", training.learning_rate},
                              {"schedule", training.schedule},
                              {"warmup_ratio", training.warmup_ratio},
                              {"weight_decay", training.weight_decay},
                              {"max_grad_norm", training.max_grad_norm},
                              {"beta", training.beta},
                              {"lora_rank", training.lora_rank},
                              {"lora_alpha", training.lora_alpha},
                              {"lora_target_modules", training.lora_target_modules},
                              {"gate_regularizer", config.gates.gate_regularizer}}}};
  return plan.dump(1);
}

}  // namespace midpo
