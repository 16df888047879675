// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/online/round_desk.h"

namespace midpo {

struct RoundDeskState {
  std::unique_ptr<RoundDesk> desk;
  StoreActor store;
  OnlineLearnerActor learner;
  OnlineCoordinatorActor coordinator;
  std::unique_ptr<Activity> activity;
};

/// Leads each round from its candidates to its pairs (RoundDesk) and sends them to the learner.
RoundDeskActor::behavior_type round_desk_actor(
    RoundDeskActor::stateful_pointer<RoundDeskState> self, std::shared_ptr<const OnlineJob> job,
    StoreActor store, OnlineLearnerActor learner, OnlineCoordinatorActor coordinator);

}  // namespace midpo
