// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/learning/learning_messages.h"
#include "actors/learning/training_session.h"

namespace midpo {

struct LearnerActorState {
  std::uint32_t index = 0;  ///< into LearningJob::learners
  std::shared_ptr<TrainingSession> session;
  FeederActor feeder;
  LearningCoordinatorActor coordinator;
  std::unique_ptr<Activity> activity;
};

/// Trains one model: asks for the batch of the next step, trains on it, reports, and so on; at the
/// end publishes the weights. Told to stop, it saves a checkpoint and ends. Detached: it owns the
/// thread it computes on.
LearnerActor::behavior_type learner_actor(LearnerActor::stateful_pointer<LearnerActorState> self,
                                          std::uint32_t index,
                                          std::shared_ptr<TrainingSession> session,
                                          FeederActor feeder, LearningCoordinatorActor coordinator);

}  // namespace midpo
