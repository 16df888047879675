// SPDX-License-Identifier: Apache-2.0
// One training run from an empty or interrupted folder to published weights and manifest.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/learning/learning_outcome.h"
#include "actors/learning/learning_rows.h"
#include "actors/learning/training_options.h"

namespace midpo {

/// One model that a command wants trained.
struct LearnerRequest {
  std::string name;    ///< for messages: "safety expert"
  std::string folder;  ///< in the output and run folders; empty for a command's only model
  LearnerOptions options;
  RowWish wish;
  bool needs_reference = false;
  std::optional<Role> score_role;  ///< the model whose scores the offset takes
  PairOffset offset = PairOffset::kNone;
  double offset_weight = 0.0;
};

struct LearningRequest {
  std::string command;
  std::string resolved_config;  ///< saved as config.yaml
  TrainingConfig config;
  std::vector<LearnerRequest> learners;
};

/// Checks folders and options, reads and tokenises the rows, loads the models, opens the store,
/// records the plan or compares it with the recorded one, trains, writes the manifests and prints
/// the summary table. A run that is finished already does nothing under --resume.
/// @return the exit status. @throws Error: whatever stopped the run; --resume continues it.
int run_learning(LearningRequest request, const EngineFactory& engines);

}  // namespace midpo
