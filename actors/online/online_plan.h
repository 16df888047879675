// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "actors/online/online_job.h"
#include "actors/online/online_options.h"

namespace midpo {

/// Everything the weights of an online run depend on, as canonical JSON. Generators, scorers and
/// devices of equal numerics are not among it.
std::string online_plan_json(const OnlineConfig& config, const OnlineJob& job,
                             const Learner& learner, const std::vector<InputFile>& inputs);

/// Compares what the options say, and the prompts if they are still there, with the plan of a
/// finished run. @throws Error(kConfig) naming each key in which they differ.
void check_finished_online_plan(const std::string& path, const OnlineConfig& config);

}  // namespace midpo
