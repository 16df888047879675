// SPDX-License-Identifier: Apache-2.0
// RUN/checkpoints: the states a training run can continue from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/checkpoint/trainer_state.h"

namespace midpo {

/// Keeps step-N folders, each either complete or absent: state.safetensors, written by the caller,
/// and trainer_state.json with its hash. One writer at a time.
class CheckpointStore {
 public:
  /// @param max_kept  older ones are removed here and after each write; 0: all are kept.
  CheckpointStore(std::string folder, std::uint64_t max_kept);

  /// Writes step-N, durably, then removes what is too many. `save_state` writes the file it is
  /// given. A checkpoint of the same step is replaced.
  /// @throws Error(kStorage).
  void write(TrainerState state, const std::function<void(const std::string& path)>& save_state);

  struct Found {
    TrainerState state;
    std::string state_path;  ///< state.safetensors, whose content has the recorded hash
  };

  /// The newest whole checkpoint; damaged ones are passed over and named in `damaged`.
  /// @throws Error(kCheckpoint) if there are checkpoints and none is whole.
  std::optional<Found> newest(std::vector<std::string>* damaged) const;

  /// Steps of the published checkpoints, ascending.
  std::vector<std::uint64_t> steps() const;

  const std::string& folder() const { return folder_; }

 private:
  std::string path_of(std::uint64_t step) const;
  void remove_old() const;

  std::string folder_;
  std::uint64_t max_kept_;
};

}  // namespace midpo
