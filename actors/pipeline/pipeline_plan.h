// SPDX-License-Identifier: Apache-2.0
// What a run is going to do, printed before it does it.
#pragma once

#include <string>

#include "actors/learning/learning_setup.h"
#include "actors/pipeline/memory_plan.h"
#include "actors/pipeline/pipeline_options.h"

namespace midpo {

/// Who computes what on which device, the memory of the weights, the expected rates and times, from
/// a short calibration on the run's own rows, and how much of the time each would idle.
/// @throws Error(kConfig) for a plan that cannot work: it says why.
std::string pipeline_plan(const PipelineConfig& config, const PreparedLearning& prepared,
                          const std::vector<DeviceMemory>& memory);

}  // namespace midpo
