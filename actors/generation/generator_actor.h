// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "actors/generation/generation_messages.h"
#include "actors/generation/generation_worker.h"

namespace midpo {

struct GeneratorState {
  std::unique_ptr<GenerationWorker> worker;
  PromptDeskActor desk;
  bool is_asking = false;    ///< a WantPrompts is not answered yet
  bool is_stepping = false;  ///< a GenerateStep is on its way
  bool has_input_ended = false;
};

/// Writes responses, one step of all that run at a time, and asks for prompts before it runs out of
/// them. Ends when the input has ended and everything is written. Detached: it owns the thread it
/// computes on.
GeneratorActor::behavior_type generator_actor(GeneratorActor::stateful_pointer<GeneratorState> self,
                                              std::shared_ptr<const GenerationJob> job,
                                              std::uint32_t index, PromptDeskActor desk);

}  // namespace midpo
