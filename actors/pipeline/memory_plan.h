// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/learning/learning_run.h"

namespace midpo {

/// What a run's weights take of one device.
struct DeviceMemory {
  std::string device;
  std::int64_t free_bytes = 0;
  std::int64_t needed_bytes = 0;
  std::string models;  ///< "reward 120 MiB (DIR), ..."
};

/// Before anything is loaded. Scorers and learners of one device share frozen weights of one path,
/// learners their transpose too; a model that is trained whole is its learner's own. Weights only:
/// activations depend on the rows, adapters are small.
std::vector<DeviceMemory> plan_memory(const LearningRequest& request, const EngineFactory& engines);

/// @throws Error(kOutOfMemory) naming the device, the models and what they take.
void require_memory(const std::vector<DeviceMemory>& devices);

}  // namespace midpo
