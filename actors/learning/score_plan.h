// SPDX-License-Identifier: Apache-2.0
// Which rows of a training job are scored by which model, in which order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/learning/learning_job.h"
#include "actors/messages.h"

namespace midpo {

/// Rows that one model scores together.
struct ScoreBlock {
  std::uint32_t model = 0;
  std::vector<std::uint32_t> rows;  ///< indices into LearningJob::rows
};

/// Every (model, row) that some learner needs, once, in the order in which the first epoch needs
/// them: a learner can begin long before the last row is scored. A function of the job alone.
std::vector<ScoreBlock> plan_scores(const LearningJob& job);

/// A block as scorers and store take it.
std::shared_ptr<const TokenizedBlock> make_score_block(const LearningJob& job,
                                                       const ScoreBlock& block,
                                                       std::uint64_t index);

}  // namespace midpo
