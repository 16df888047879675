// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/lane_actor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "actors/error_boundary.h"
#include "actors/remote/test_faults.h"
#include "actors/score_rows.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

TileResult compute(std::uint32_t lane, const TileTask& task, const ComputeTask& order) {
  const auto& all = order.models->replicas;
  require(task.model < all.size() && !all[task.model].empty(), ErrorCode::kTransport,
          "the task is for model " + std::to_string(task.model) +
              ", which is none of this worker's roles");
  const auto& replicas = all[task.model];
  const Scorer& scorer = *replicas[lane % replicas.size()];
  std::vector<RowTokens> rows;
  rows.reserve(task.rows.size());
  for (const auto& sequences : task.rows) rows.push_back({sequences});
  const auto start = Clock::now();
  TileResult result;
  result.values = score_within_memory(scorer, rows);
  result.compute_seconds = seconds_since(start);
  result.least_flops = scorer.least_flops(rows);
  return result;
}

GenerationRequest request_of(const PromptTask& task, std::size_t index) {
  const PromptTask::Prompt& prompt = task.prompts[index];
  GenerationRequest request;
  request.id = prompt.id;
  request.prompt = prompt.tokens;
  request.num_samples = task.num_samples;
  request.max_new_tokens = prompt.max_new_tokens;
  request.stop_ids = task.stop_ids;
  request.sampling = {task.repetition_penalty, task.temperature, task.top_k, task.top_p};
  request.seed = task.seed;
  request.wants_log_probs = task.wants_log_probs;
  return request;
}

PromptResult compute(std::uint32_t lane, const PromptTask& task, const ComputeTask& order) {
  const auto& replicas = order.policy->replicas;
  GeneratorLimits limits;
  limits.num_threads = 1;  // lanes share the cores
  const auto generator = replicas[lane % replicas.size()]->make_generator(limits);
  std::map<std::uint64_t, std::size_t> index_of;
  for (std::size_t i = 0; i < task.prompts.size(); ++i) {
    index_of[task.prompts[i].id] = i;
    generator->submit(request_of(task, i));
  }
  const auto start = Clock::now();
  PromptResult result;
  result.samples.assign(task.prompts.size(), std::vector<PromptResult::Sample>(task.num_samples));
  while (!generator->is_idle()) {
    require(!*order.is_void, ErrorCode::kShutdown, "its session is over");
    for (const TokenEvent& event : generator->step()) {
      PromptResult::Sample& sample = result.samples[index_of.at(event.request)][event.sample];
      sample.tokens.push_back(event.token);
      if (task.wants_log_probs) sample.log_probs.push_back(event.log_prob);
    }
  }
  result.compute_seconds = seconds_since(start);
  return result;
}

/// Chaos tests only: as a crash of a kernel or of a library would, without a word.
void die_of(std::uint64_t poison, const ComputeTask& order) {
  const auto* task = std::get_if<PromptTask>(&order.given->body);
  if (task == nullptr) return;
  const bool is_poisoned =
      std::ranges::find(task->prompts, poison, &PromptTask::Prompt::id) != task->prompts.end();
  if (is_poisoned) ::_exit(70);
}

TaskAnswer answer_to(std::uint32_t lane, const ComputeTask& order) {
  try {
    return std::visit([&](const auto& task) -> TaskAnswer { return compute(lane, task, order); },
                      order.given->body);
  } catch (const Error& error) {
    return Failure{error.code(), error.what()};
  }
}

}  // namespace

LaneActor::behavior_type lane_actor(LaneActor::pointer self, std::uint32_t lane,
                                    WorkerActor worker) {
  install_error_boundary(self);
  const auto poison = poison_prompt_from_environment();
  return {
      [=](const ComputeTask& order) {
        if (poison) die_of(*poison, order);
        self->send(worker,
                   TaskComputed{lane, order.given,
                                std::make_shared<const TaskAnswer>(answer_to(lane, order))});
      },
      [self](Stop) { self->quit(); },
  };
}

LoaderActor::behavior_type loader_actor(LoaderActor::pointer self, const WorkerConfig& config,
                                        const EngineFactory* engines, WorkerActor worker) {
  install_error_boundary(self);
  return {
      [=](const LoadModels& order) {
        try {
          self->send(worker,
                     ModelsLoaded{load_models(config, *engines, *order.wanted, order.roles), {}});
        } catch (const Error& error) {
          self->send(worker, ModelsLoaded{nullptr, error});
        }
      },
      [=](const LoadVersion& order) {
        VersionLoaded loaded{order.session, nullptr, {}};
        try {
          loaded.version = load_version(config, *engines, *order.models, order.weights);
        } catch (const Error& error) {
          loaded.error = error;
        }
        self->send(worker, loaded);
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
