// SPDX-License-Identifier: Apache-2.0
// From what a command asked for to what its actors work on.
#pragma once

#include <memory>
#include <vector>

#include "actors/learning/learning_folder.h"
#include "actors/learning/learning_run.h"
#include "actors/remote/rank_recruiter.h"

namespace midpo {

struct PreparedLearning {
  std::shared_ptr<LearningJob> job;
  std::vector<std::shared_ptr<Learner>> learners;
  std::vector<InputFile> inputs;
  std::shared_ptr<RankRecruiter> recruiter;  ///< listens; null: no workers become ranks
};

/// Reads rows, loads models and makes learners: everything that can fail before there is state on
/// disk. Bad rows are written to RUN/quarantine.jsonl.
/// @throws Error kData naming the row, kConfig, kCheckpoint, kDevice, kOutOfMemory.
PreparedLearning prepare_learning(const LearningRequest& request, const LearningFolder& folder,
                                  const EngineFactory& engines);

}  // namespace midpo
