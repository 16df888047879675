// SPDX-License-Identifier: Apache-2.0
// The coordinator's other half: what happens when an actor fails, and the orderly end.
#pragma once

#include <memory>
#include <optional>

#include "actors/coordinator_actor.h"

namespace midpo {

using CoordinatorPointer = CoordinatorActor::stateful_pointer<CoordinatorState>;

/// Sent to the listener of a job when all its actors have ended, or refused to.
struct JobFinished {
  std::shared_ptr<const JobOutcome> outcome;
};

/// Begins the end, once: no new work; actors end stage by stage. The first error given is the
/// job's.
void stop_job(CoordinatorPointer self, std::optional<Error> error);

void note_down(CoordinatorPointer self, const caf::down_msg& down);
void note_failed_tile(CoordinatorPointer self, const TileFailed& failed);

/// Ends a job in which a tile, or the end itself, takes longer than it may; names who holds what.
void check_deadlines(CoordinatorPointer self);

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::JobFinished)
