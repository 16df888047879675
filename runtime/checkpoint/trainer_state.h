// SPDX-License-Identifier: Apache-2.0
// trainer_state.json: how far a training run is, in the words of transformers' Trainer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace midpo {

struct TrainerState {
  std::uint64_t global_step = 0;  ///< optimizer steps done
  std::uint64_t max_steps = 0;
  double epoch = 0.0;
  double num_epochs = 0.0;
  std::uint64_t batch_size = 0;
  std::uint64_t num_tokens = 0;  ///< trained on so far
  std::uint64_t num_rows = 0;    ///< trained on so far
  std::uint64_t last_eval_step = 0;
  std::vector<std::string> log_history;  ///< one JSON object a logged step
  std::string plan_hash;                 ///< of the run it belongs to
  std::string state_hash;                ///< of state.safetensors, 32 hex digits

  bool operator==(const TrainerState&) const = default;
};

std::string trainer_state_json(const TrainerState& state);

/// @param path  for messages. @throws Error(kCheckpoint) for text that is not such a state.
TrainerState parse_trainer_state(const std::string& json, const std::string& path);

}  // namespace midpo
