// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "actors/learning/learning_messages.h"
#include "actors/learning/training_session.h"

namespace midpo {

struct LearnerActorState {
  std::shared_ptr<const LearningJob> job;
  std::uint32_t index = 0;  ///< into LearningJob::learners
  std::shared_ptr<TrainingSession> session;
  FeederActor feeder;
  LearningCoordinatorActor coordinator;
  std::unique_ptr<Activity> activity;
  std::optional<StepWait> wait;      ///< what its companion has it wait for
  std::vector<NamedNumber> figures;  ///< of its companion, for the next step
};

/// Trains one model: asks for the batch of the next step, trains on it, reports, and so on; at the
/// end publishes the weights. Between steps it does what its companion is for, and waits while that
/// has it wait. Told to stop, it saves a checkpoint and ends. Detached: it owns the thread it
/// computes on.
LearnerActor::behavior_type learner_actor(LearnerActor::stateful_pointer<LearnerActorState> self,
                                          std::shared_ptr<const LearningJob> job,
                                          std::uint32_t index,
                                          std::shared_ptr<TrainingSession> session,
                                          FeederActor feeder, LearningCoordinatorActor coordinator);

}  // namespace midpo
