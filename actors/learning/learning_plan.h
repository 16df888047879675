// SPDX-License-Identifier: Apache-2.0
// The plan of a training run: everything its weights depend on. A run is resumed only under the
// plan it began with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "actors/learning/learning_run.h"

namespace midpo {

/// Canonical JSON of the plan: command, inputs, models and tokenizers by content, options of steps,
/// losses and optimizer, outputs as seen from the run's folder.
/// @param learners  the models being trained, at their start
std::string learning_plan_json(const LearningRequest& request, const LearningJob& job,
                               const std::vector<InputFile>& inputs,
                               const std::vector<std::shared_ptr<Learner>>& learners);

/// Compares with RUN/plan.json, or writes it. @throws Error(kConfig) naming each key in which the
/// recorded plan differs, kStorage.
void settle_learning_plan(const std::string& path, const std::string& plan);

/// Compares what the options say, and the data if it is still there, with the plan of a finished
/// run: one asked for with other options is not what is there. @throws Error(kConfig) as above.
void check_finished_plan(const std::string& path, const LearningRequest& request);

/// The same for any plan. @param settings  the part of it that needs no model, by the input files,
/// of which there are none if one of `data` is gone.
void check_finished_settings(
    const std::string& path, const std::vector<std::string>& data,
    const std::function<std::string(const std::vector<InputFile>&)>& settings);

/// The entry of a plan that says how the optimizer steps, as JSON.
std::string optimizer_settings(const TrainingConfig& config);

}  // namespace midpo
