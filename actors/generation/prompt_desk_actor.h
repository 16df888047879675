// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>

#include "actors/generation/generation_messages.h"
#include "actors/generation/prompt_desk.h"

namespace midpo {

struct PromptDeskState {
  std::shared_ptr<PromptDesk> desk;
  std::deque<WantPrompts> unanswered;  ///< the window is full
};

/// The desk of a job: answers generators, writes what they bring, publishes the output when all is
/// there, and ends. Detached: it waits for the disk.
PromptDeskActor::behavior_type prompt_desk_actor(
    PromptDeskActor::stateful_pointer<PromptDeskState> self, std::shared_ptr<PromptDesk> desk);

}  // namespace midpo
