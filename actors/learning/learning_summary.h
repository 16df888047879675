// SPDX-License-Identifier: Apache-2.0
// What a finished training run tells its user: manifests and the table at the end.
#pragma once

#include <string>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/learning/learning_outcome.h"
#include "runtime/store/manifest.h"

namespace midpo {

/// The manifest of one trained model: inputs, the fate of every row, the published files, models.
/// @throws Error(kStorage) for a file that cannot be read.
RunManifest learner_manifest(const LearningJob& job, const LearnerJob& learner,
                             const std::vector<InputFile>& inputs, const ModelInfo& base);

/// The table: a column a model, with rows by fate, steps, times and rates.
std::string learning_summary(const LearningJob& job, const LearningOutcome& outcome,
                             const std::vector<std::int64_t>& trained_parameters);

}  // namespace midpo
