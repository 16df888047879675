// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "actors/generation/generation_messages.h"
#include "actors/generation/prompt_desk.h"

namespace midpo {

struct PromptDeskState {
  std::shared_ptr<PromptDesk> desk;
  std::deque<WantPrompts> unanswered;  ///< the window is full
  std::uint32_t num_asking = 0;        ///< generators that do not know yet that the input has ended
};

/// The desk of a job: answers generators and writes what they bring. When all is written and every
/// generator knows that nothing will come, it publishes the output and ends. Detached: it waits for
/// the disk.
PromptDeskActor::behavior_type prompt_desk_actor(
    PromptDeskActor::stateful_pointer<PromptDeskState> self, std::shared_ptr<PromptDesk> desk,
    std::uint32_t num_generators);

}  // namespace midpo
