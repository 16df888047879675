// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/learning/training_session.h"
#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"
#include "runtime/flow/sequencer.h"

namespace midpo {

struct OnlineLearnerState {
  std::shared_ptr<const OnlineJob> job;
  std::shared_ptr<TrainingSession> session;
  std::shared_ptr<Learner> learner;
  std::unique_ptr<WeightsShelf> shelf;
  OnlineCoordinatorActor coordinator;
  Sequencer<RoundReady> rounds;
  std::unique_ptr<Activity> activity;
};

/// Trains on the rounds in their order and publishes the weights behind each step. Versions that no
/// round can need any more, also after a restart, are removed. Detached: it computes.
OnlineLearnerActor::behavior_type online_learner_actor(
    OnlineLearnerActor::stateful_pointer<OnlineLearnerState> self,
    std::shared_ptr<const OnlineJob> job, std::shared_ptr<TrainingSession> session,
    std::shared_ptr<Learner> learner, OnlineCoordinatorActor coordinator);

}  // namespace midpo
