// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/prompt_desk_actor.h"

#include <utility>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = PromptDeskActor::stateful_pointer<PromptDeskState>;
using Clock = PromptDesk::Clock;

/// Answers whom it can: with prompts, or with the news that none will come.
void answer(Pointer self) {
  PromptDeskState& state = self->state;
  while (!state.unanswered.empty()) {
    const WantPrompts& want = state.unanswered.front();
    PromptsRead read{state.desk->next_prompts(want.count), state.desk->has_input_ended()};
    if (read.rows.empty() && !read.is_last) return;
    if (read.is_last) --state.num_asking;
    self->send(want.generator, std::move(read));
    state.unanswered.pop_front();
  }
}

void end_if_finished(Pointer self) {
  if (!self->state.desk->is_finished() || self->state.num_asking > 0) return;
  self->state.desk->publish(Clock::now());
  self->quit();
}

}  // namespace

PromptDeskActor::behavior_type prompt_desk_actor(Pointer self, std::shared_ptr<PromptDesk> desk,
                                                 std::uint32_t num_generators) {
  install_error_boundary(self);
  self->state.num_asking = num_generators;
  self->state.desk = std::move(desk);
  return {
      [self](const WantPrompts& want) {
        self->state.unanswered.push_back(want);
        answer(self);
        end_if_finished(self);
      },
      [self](const RowGenerated& generated) {
        self->state.desk->write(*generated.row, Clock::now());
        answer(self);
        end_if_finished(self);
      },
      [self](EndGeneration) {
        self->state.desk->make_durable();
        self->quit();
      },
  };
}

}  // namespace midpo
