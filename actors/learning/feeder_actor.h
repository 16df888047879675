// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/learning/learning_messages.h"
#include "actors/learning/score_board.h"
#include "actors/learning/score_plan.h"

namespace midpo {

/// What a learner waits for.
struct WaitingPull {
  LearnerActor learner;
  std::uint32_t index = 0;            ///< into LearningJob::learners
  std::optional<std::uint64_t> step;  ///< none: the evaluation rows
};

struct FeederState {
  std::shared_ptr<const LearningJob> job;
  std::shared_ptr<const std::vector<ScoreBlock>> blocks;
  LearningCoordinatorActor coordinator;
  std::unique_ptr<ScoreBoard> board;
  std::vector<BatchPlan> plans;                  ///< [learner]
  std::map<std::uint64_t, std::size_t> missing;  ///< rows without values, of open blocks
  std::size_t blocks_supplied = 0;
  std::vector<WaitingPull> waiting;
  std::uint32_t num_finished = 0;  ///< learners
  std::unique_ptr<Activity> activity;
};

/// Gives learners their batches: composed by the plan, sent when every row has its scores. Holds
/// all rows and scores of the job in memory, so that only the first epoch waits for anything.
FeederActor::behavior_type feeder_actor(FeederActor::stateful_pointer<FeederState> self,
                                        std::shared_ptr<const LearningJob> job,
                                        std::shared_ptr<const std::vector<ScoreBlock>> blocks,
                                        LearningCoordinatorActor coordinator);

}  // namespace midpo
