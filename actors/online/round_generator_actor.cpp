// SPDX-License-Identifier: Apache-2.0
#include "actors/online/round_generator_actor.h"

#include "actors/error_boundary.h"
#include "actors/generation/generation_worker.h"
#include "actors/online/written_rows.h"

namespace midpo {
namespace {

using Pointer = RoundGeneratorActor::stateful_pointer<RoundGeneratorState>;

void load(Pointer self, const PublishedWeights& weights) {
  RoundGeneratorState& state = self->state;
  if (state.version == weights.version) return;
  const Activity::Busy busy = state.activity->busy("load weights");
  verify_weights(weights);
  const auto& devices = state.job->generator_devices;
  state.model = state.job->engines->load_generation_model(
      policy_at(*state.job, weights.path, devices[state.index % devices.size()]));
  state.version = weights.version;
  state.activity->set_version(state.version);
  self->send(state.coordinator,
             WeightsAreLive{state.index, state.version, state.model->info().content.hex()});
}

std::vector<WrittenRow> write_part(const RoundGeneratorState& state, const RoundPart& part) {
  const OnlineJob& job = *state.job;
  const auto generation = round_generation(job, state.model, part.round);
  const std::string model = state.model->info().content.hex();
  GenerationWorker worker(generation, 0);
  for (const std::uint64_t prompt : part.prompts) {
    worker.submit(std::make_shared<PromptRow>(make_prompt_row(*generation, job.prompts[prompt])));
  }
  std::vector<WrittenRow> rows;
  while (!worker.is_idle()) {
    for (GeneratedRow& row : worker.step()) {
      rows.push_back(written_row(*generation, std::move(row), model));
    }
  }
  return rows;
}

void generate(Pointer self, const GeneratePart& order) {
  RoundGeneratorState& state = self->state;
  const RoundPart& part = order.part;
  load(self, order.weights);
  const Activity::Busy busy = state.activity->busy("generate", part.prompts.size());
  auto rows = std::make_shared<std::vector<WrittenRow>>(write_part(state, part));
  self->send(state.desk, RoundPartGenerated{part.round, "generator " + std::to_string(state.index),
                                            state.version, std::move(rows)});
  self->send(state.coordinator, PartGenerated{state.index, part.id});
}

}  // namespace

ModelOptions policy_at(const OnlineJob& job, const std::string& weights,
                       const std::string& device) {
  ModelOptions options = job.policy;
  options.device = device;
  if (job.learner.objective == Objective::kRouter) {
    options.router_path = weights;
  } else {
    options.adapter_path = weights;
  }
  return options;
}

RoundGeneratorActor::behavior_type round_generator_actor(Pointer self,
                                                         std::shared_ptr<const OnlineJob> job,
                                                         std::uint32_t index,
                                                         OnlineCoordinatorActor coordinator,
                                                         RoundDeskActor desk) {
  install_error_boundary(self);
  RoundGeneratorState& state = self->state;
  state.job = std::move(job);
  state.index = index;
  state.coordinator = std::move(coordinator);
  state.desk = std::move(desk);
  state.activity = std::make_unique<Activity>("generator " + std::to_string(index));
  return {
      [self](const GeneratePart& order) { generate(self, order); },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
