// SPDX-License-Identifier: Apache-2.0
// Which rows of a training job are scored by which model, in which order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/messages.h"
#include "runtime/flow/critical_path.h"

namespace midpo {

/// Rows that one model scores together.
struct ScoreBlock {
  std::uint32_t model = 0;
  std::vector<std::uint32_t> rows;  ///< indices into LearningJob::rows
};

/// Every (model, row) that some learner needs, once, in the order in which the first epoch needs
/// them: a learner can begin long before the last row is scored. Of two learners the one with more
/// rows left to train is served first. A function of the job alone.
std::vector<ScoreBlock> plan_scores(const LearningJob& job);

/// [row]: seconds of training and routing that cannot begin before the model's score of the row is
/// known; 0 for rows that are only evaluated on.
std::vector<double> seconds_behind_scores(const LearningJob& job, std::uint32_t model,
                                          const PipelineTimes& times);

/// A block as scorers and store take it.
std::shared_ptr<const TokenizedBlock> make_score_block(const LearningJob& job,
                                                       const ScoreBlock& block,
                                                       std::uint64_t index);

}  // namespace midpo
