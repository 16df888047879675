// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"

namespace midpo {

struct RoundGeneratorState {
  std::shared_ptr<const OnlineJob> job;
  std::uint32_t index = 0;
  OnlineCoordinatorActor coordinator;
  RoundDeskActor desk;
  std::shared_ptr<const GenerationModel> model;
  std::uint64_t version = UINT64_MAX;  ///< of the model
  std::unique_ptr<Activity> activity;
};

/// Writes candidates with the weights it is told to. New weights are loaded whole, checked against
/// the hash they were published under, and take the place of the old ones between sequences: no
/// sequence mixes two versions. The base's weights stay where they are. Detached: it computes.
RoundGeneratorActor::behavior_type round_generator_actor(
    RoundGeneratorActor::stateful_pointer<RoundGeneratorState> self,
    std::shared_ptr<const OnlineJob> job, std::uint32_t index, OnlineCoordinatorActor coordinator,
    RoundDeskActor desk);

/// The policy's options at a version of what is trained.
ModelOptions policy_at(const OnlineJob& job, const std::string& weights, const std::string& device);

}  // namespace midpo
