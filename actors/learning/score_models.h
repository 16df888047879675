// SPDX-License-Identifier: Apache-2.0
// The frozen models of a training job: which there are, under which templates, loaded where.
#pragma once

#include <vector>

#include "actors/job.h"
#include "actors/learning/training_options.h"

namespace midpo {

/// Adds a model for each role, not yet loaded, and the templates of their tokenizers; template 0 is
/// that of the model that is trained. @throws Error(kCheckpoint).
void add_score_models(const TrainingConfig& config, const std::vector<Role>& roles,
                      ScoringJob& job);

/// Loads each model on every scorer device and settles tiles, scorers and credits.
/// @throws Error kConfig, kCheckpoint, kDevice, kOutOfMemory.
void load_score_models(const TrainingConfig& config, const EngineFactory& engines, ScoringJob& job);

/// Whether learners begin while rows are still scored; auto: not where one CPU does both.
bool overlaps(const TrainingConfig& config, const ScoringJob& job);

}  // namespace midpo
