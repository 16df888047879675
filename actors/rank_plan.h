// SPDX-License-Identifier: Apache-2.0
// The plan of a ranking run: everything its output bytes depend on. A run is resumed only under the
// plan it began with.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "actors/job.h"

namespace midpo {

/// Canonical JSON of the plan: inputs, models and tokenizers by content, policy, template, limits,
/// tile and block sizes, outputs as seen from the run's folder.
std::string plan_json(const RankJob& job, const std::string& run_dir,
                      const std::vector<InputFile>& inputs, const std::string& template_name,
                      const std::string& policy_name);

/// The way to a path from a folder: a plan that records it lets both be moved together.
std::string path_from(const std::string& folder, const std::string& path);

/// Input files as a plan records them: size and hash.
nlohmann::json input_entries(const std::vector<InputFile>& inputs);

/// @param advice  what to do other than give the first run's options again
/// @throws Error(kConfig) naming each key in which the recorded plan differs, with both values.
void check_same_plan(const std::string& recorded, const std::string& current,
                     const std::string& advice = "start anew in another --run-dir");

/// What decides a model's numbers, for RunStore::model_id.
std::string model_identity(const JobModel& model);

}  // namespace midpo
