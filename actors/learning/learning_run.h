// SPDX-License-Identifier: Apache-2.0
// One training run from an empty or interrupted folder to published weights and manifest.json.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/learning/learning_outcome.h"
#include "actors/learning/learning_rows.h"
#include "actors/learning/training_options.h"
#include "models/preference/ranking_policy.h"
#include "runtime/store/run_store.h"

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
  std::shared_ptr<StepCompanion> companion = nullptr;
};

/// Training rows ranked into D_dual while they are scored.
struct RankingRequest {
  RankingPolicy policy = RankingPolicy::kDual;
  std::string output;         ///< D_dual
  std::string scores_output;  ///< all rows with their scores; empty: none
};

/// Another job of this process, at the same time.
struct JobBeside {
  std::string group;  ///< of this one's actors (Activity); log and terminal are the other one's
  std::size_t num_learners = 0;  ///< of the other one: they share the cores
  /// Opens the run store that both use; null: each has its own.
  std::function<std::shared_ptr<RunStore>(const std::string& dir)> open_store = nullptr;
};

struct PreparedLearning;

struct LearningRequest {
  std::string command;
  std::string resolved_config;  ///< saved as config.yaml
  TrainingConfig config;
  std::vector<LearnerRequest> learners;
  std::optional<RankingRequest> ranking = std::nullopt;
  /// Stage after stage: all scores, then one learner after the other.
  bool is_sequential = false;
  /// Called when rows and models are there, before anything is computed; may refuse by an Error.
  std::function<void(const PreparedLearning&)> on_prepared = nullptr;
  /// Called when the ranking's output is complete, by this process or an earlier one.
  std::function<void()> on_ranked = nullptr;
  JobBeside beside = {};
};

struct LearningResult {
  bool was_finished = false;  ///< by an earlier process; then there is nothing else
  std::shared_ptr<const LearningJob> job;
  LearningOutcome outcome;
  std::vector<std::int64_t> trained_parameters;  ///< [learner]
};

/// Checks folders and options, reads and tokenises the rows, loads the models, opens the store,
/// records the plan or compares it with the recorded one, trains and writes the manifests. A run
/// that is finished already does nothing under --resume.
/// @throws Error: whatever stopped the run; --resume continues it.
LearningResult train_models(LearningRequest request, const EngineFactory& engines);

/// Reads rows and loads models as train_models() would, calls on_prepared and leaves nothing
/// behind.
void prepare_only(LearningRequest request, const EngineFactory& engines);

/// train_models() with the summary table on stdout. @return the exit status.
int run_learning(LearningRequest request, const EngineFactory& engines);

}  // namespace midpo
