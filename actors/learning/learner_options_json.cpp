// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "actors/learning/rank_calls.h"

namespace midpo {
namespace {

using nlohmann::json;

json lora_json(const std::optional<LoraOptions>& lora) {
  if (!lora) return nullptr;
  return {{"rank", lora->rank}, {"alpha", lora->alpha}, {"target_modules", lora->target_modules}};
}

/// Calls `visit` with the name and the member of every plain field, for writing and for reading.
template <class Options, class Visit>
void visit_fields(Options& options, const Visit& visit) {
  visit("objective", options.objective);
  visit("model", options.model.path);
  visit("dtype", options.model.dtype);
  visit("allow_pickle", options.model.allow_pickle);
  visit("resume_adapter", options.resume_adapter);
  visit("safety_adapter", options.safety_adapter);
  visit("helpfulness_adapter", options.helpfulness_adapter);
  visit("gate_width", options.gate_width);
  visit("gate_regularizer", options.gate_regularizer);
  visit("pair_loss", options.pair_loss);
  visit("beta", options.beta);
  visit("pair_scale", options.pair_scale);
  visit("label_smoothing", options.label_smoothing);
  visit("is_token_wise", options.is_token_wise);
  visit("score_regularizer", options.score_regularizer);
  visit("adam_beta1", options.adam_beta1);
  visit("adam_beta2", options.adam_beta2);
  visit("adam_eps", options.adam_eps);
  visit("weight_decay", options.weight_decay);
  visit("max_grad_norm", options.max_grad_norm);
  visit("checkpoints_activations", options.checkpoints_activations);
  visit("offloads_optimizer", options.offloads_optimizer);
  visit("is_published_compat", options.is_published_compat);
  visit("seed", options.seed);
  visit("bucket_kib", options.bucket_kib);
}

}  // namespace

std::string learner_options_to_json(const LearnerOptions& options) {
  json fields{{"lora", lora_json(options.lora)}};
  visit_fields(options, [&](const char* name, const auto& value) { fields[name] = value; });
  return fields.dump();
}

LearnerOptions learner_options_from_json(const std::string& text) {
  LearnerOptions options;
  try {
    const json fields = json::parse(text);
    visit_fields(options, [&](const char* name, auto& value) { fields.at(name).get_to(value); });
    if (const json& lora = fields.at("lora"); !lora.is_null()) {
      options.lora.emplace();
      lora.at("rank").get_to(options.lora->rank);
      lora.at("alpha").get_to(options.lora->alpha);
      lora.at("target_modules").get_to(options.lora->target_modules);
    }
  } catch (const json::exception& failure) {
    throw Error(ErrorCode::kTransport, std::string("a learner's options cannot be read (") +
                                           failure.what() + "); are all ranks of one version?");
  }
  return options;
}

}  // namespace midpo
