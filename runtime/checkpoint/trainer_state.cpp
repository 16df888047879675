// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/trainer_state.h"

#include <nlohmann/json.hpp>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Json = nlohmann::ordered_json;

Json head(const TrainerState& state) {
  return {{"best_metric", nullptr},
          {"best_model_checkpoint", nullptr},
          {"epoch", state.epoch},
          {"global_step", state.global_step},
          {"is_local_process_zero", true},
          {"is_world_process_zero", true},
          {"logging_steps", 1},
          {"max_steps", state.max_steps},
          {"num_input_tokens_seen", state.num_tokens},
          {"num_train_epochs", state.num_epochs},
          {"train_batch_size", state.batch_size},
          {"midpo",
           {{"num_rows_seen", state.num_rows},
            {"last_eval_step", state.last_eval_step},
            {"plan_hash", state.plan_hash},
            {"state_hash", state.state_hash}}}};
}

}  // namespace

std::string trainer_state_json(const TrainerState& state) {
  std::string text = head(state).dump(2);
  text.erase(text.size() - 2);  // the closing brace and its line feed
  text += ",\n  \"log_history\": [";
  const char* separator = "\n    ";
  for (const std::string& entry : state.log_history) {
    text.append(separator).append(entry);
    separator = ",\n    ";
  }
  return text + "\n  ]\n}\n";
}

TrainerState parse_trainer_state(const std::string& json, const std::string& path) {
  try {
    const Json root = Json::parse(json);
    TrainerState state;
    state.epoch = root.at("epoch");
    state.global_step = root.at("global_step");
    state.max_steps = root.at("max_steps");
    state.num_tokens = root.at("num_input_tokens_seen");
    state.num_epochs = root.at("num_train_epochs");
    state.batch_size = root.at("train_batch_size");
    state.num_rows = root.at("midpo").at("num_rows_seen");
    state.last_eval_step = root.at("midpo").at("last_eval_step");
    state.plan_hash = root.at("midpo").at("plan_hash");
    state.state_hash = root.at("midpo").at("state_hash");
    for (const Json& entry : root.at("log_history")) state.log_history.push_back(entry.dump());
    return state;
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kCheckpoint, path + ": is no state of a midpo run: " + error.what());
  }
}

}  // namespace midpo
