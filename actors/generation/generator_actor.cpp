// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generator_actor.h"

#include <utility>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = GeneratorActor::stateful_pointer<GeneratorState>;

/// Few at a time, so that generators share the end of the input evenly.
constexpr std::size_t kPromptsAtOnce = 8;

void ask_for_prompts(Pointer self) {
  GeneratorState& state = self->state;
  if (state.is_asking || state.has_input_ended) return;
  if (state.worker->num_waiting() >= kPromptsAtOnce) return;
  state.is_asking = true;
  self->send(state.desk, WantPrompts{kPromptsAtOnce, GeneratorActor(self)});
}

void continue_or_end(Pointer self) {
  GeneratorState& state = self->state;
  if (!state.worker->is_idle()) {
    if (!state.is_stepping) self->send(self, GenerateStep{});
    state.is_stepping = true;
  } else if (state.has_input_ended) {
    self->quit();
  }
}

}  // namespace

GeneratorActor::behavior_type generator_actor(Pointer self,
                                              std::shared_ptr<const GenerationJob> job,
                                              std::uint32_t index, PromptDeskActor desk) {
  install_error_boundary(self);
  self->state.desk = std::move(desk);
  const std::size_t device = index % job->replicas.size();
  self->state.worker = std::make_unique<GenerationWorker>(std::move(job), device);
  ask_for_prompts(self);
  return {
      [self](const PromptsRead& read) {
        GeneratorState& state = self->state;
        state.is_asking = false;
        state.has_input_ended = read.is_last;
        for (const auto& row : read.rows) state.worker->submit(row);
        ask_for_prompts(self);
        continue_or_end(self);
      },
      [self](GenerateStep) {
        GeneratorState& state = self->state;
        state.is_stepping = false;
        for (GeneratedRow& row : state.worker->step()) {
          self->send(state.desk,
                     RowGenerated{std::make_shared<const GeneratedRow>(std::move(row))});
        }
        ask_for_prompts(self);
        continue_or_end(self);
      },
      [self](EndGeneration) { self->quit(); },
  };
}

}  // namespace midpo
