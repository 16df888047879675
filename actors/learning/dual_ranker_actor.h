// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "actors/learning/dual_ranking.h"
#include "actors/learning/learning_job.h"
#include "actors/learning/learning_messages.h"

namespace midpo {

struct DualRankerState {
  std::unique_ptr<DualRanking> ranking;
  std::vector<std::uint32_t> rank_model;  ///< [model of the job]: its index in the ranking's
  LearningCoordinatorActor coordinator;
  std::unique_ptr<Activity> activity;
};

/// Ranks the rows of a training job while they are scored. Detached: it reads and writes files.
DualRankerActor::behavior_type dual_ranker_actor(
    DualRankerActor::stateful_pointer<DualRankerState> self, std::shared_ptr<const LearningJob> job,
    LearningCoordinatorActor coordinator);

}  // namespace midpo
