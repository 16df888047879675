// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/lane_actor.h"

#include <chrono>

#include "actors/error_boundary.h"
#include "actors/score_rows.h"

namespace midpo {
namespace {

TileResult compute(std::uint32_t lane, const TileTask& task, const WorkerModels& models) {
  require(task.model < models.replicas.size(), ErrorCode::kTransport,
          "the task is for model " + std::to_string(task.model) + ", the job has " +
              std::to_string(models.replicas.size()));
  const auto& replicas = models.replicas[task.model];
  const Scorer& scorer = *replicas[lane % replicas.size()];
  std::vector<RowTokens> rows;
  rows.reserve(task.rows.size());
  for (const auto& sequences : task.rows) rows.push_back({sequences});
  const auto start = std::chrono::steady_clock::now();
  TileResult result;
  result.values = score_within_memory(scorer, rows);
  result.compute_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.least_flops = scorer.least_flops(rows);
  return result;
}

}  // namespace

LaneActor::behavior_type lane_actor(LaneActor::pointer self, std::uint32_t lane,
                                    WorkerActor worker) {
  install_error_boundary(self);
  using Answer = std::variant<TileResult, Failure>;
  return {
      [=](const ComputeTask& order) {
        std::shared_ptr<const Answer> answer;
        try {
          answer = std::make_shared<const Answer>(compute(lane, order.given->body, *order.models));
        } catch (const Error& error) {
          answer = std::make_shared<const Answer>(Failure{error.code(), error.what()});
        }
        self->send(worker, TaskComputed{lane, order.given, std::move(answer)});
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
          self->send(worker, ModelsLoaded{load_models(config, *engines, *order.wanted), {}});
        } catch (const Error& error) {
          self->send(worker, ModelsLoaded{nullptr, error});
        }
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
