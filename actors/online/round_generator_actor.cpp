// SPDX-License-Identifier: Apache-2.0
#include "actors/online/round_generator_actor.h"

#include "actors/error_boundary.h"
#include "actors/generation/generation_worker.h"

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
  self->send(state.coordinator, WeightsAreLive{state.index, state.version});
}

/// The generation job of one round: the job's, with this version's model and the round's draws.
std::shared_ptr<const GenerationJob> round_job(const RoundGeneratorState& state,
                                               std::uint64_t round) {
  auto job = std::make_shared<GenerationJob>(state.job->generation);
  job->replicas = {state.model};
  job->responses.seed += round;
  return job;
}

std::vector<WrittenRow> write_share(const RoundGeneratorState& state, std::uint64_t round) {
  const OnlineJob& job = *state.job;
  const auto generation = round_job(state, round);
  GenerationWorker worker(generation, 0);
  const std::vector<std::uint64_t> prompts = BatchPlan(job.learner.batches).rows_of(round);
  for (std::size_t i = state.index; i < prompts.size(); i += job.generation.num_generators) {
    worker.submit(
        std::make_shared<PromptRow>(make_prompt_row(*generation, job.prompts[prompts[i]])));
  }
  std::vector<WrittenRow> rows;
  while (!worker.is_idle()) {
    for (GeneratedRow& row : worker.step()) {
      std::string json = generated_line(*generation, row);
      json.pop_back();
      rows.push_back({std::move(row), std::move(json)});
    }
  }
  return rows;
}

void generate(Pointer self, const GenerateRound& order) {
  RoundGeneratorState& state = self->state;
  load(self, order.weights);
  const std::uint64_t share =
      state.job->learner.batches.batch_size / state.job->generation.num_generators;
  const Activity::Busy busy = state.activity->busy("generate", share);
  auto rows = std::make_shared<std::vector<WrittenRow>>(write_share(state, order.round));
  self->send(state.desk,
             RoundPartGenerated{order.round, state.index, state.version, std::move(rows)});
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
      [self](const GenerateRound& order) { generate(self, order); },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
