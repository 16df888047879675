// SPDX-License-Identifier: Apache-2.0
#include "actors/scorer_actor.h"

#include <chrono>
#include <span>
#include <vector>

#include "actors/error_boundary.h"
#include "actors/score_rows.h"
#include "runtime/observe/activity.h"

namespace midpo {
namespace {

/// Tiles a scorer holds at once: one computed, one on its desk.
constexpr int kCredits = 2;

using Values = std::vector<std::vector<double>>;

TileScored compute(const ScoringJob& job, std::uint64_t worker, const ComputeTile& order) {
  const JobModel& model = job.models[order.task.model];
  const Scorer& scorer = *model.replicas[worker % model.replicas.size()];
  const std::span<const RowTokens> rows =
      std::span(order.block->tokens[model.tokenizer])
          .subspan(order.task.rows.first, order.task.rows.count);
  const auto start = std::chrono::steady_clock::now();
  TileScored scored;
  scored.values = std::make_shared<const Values>(score_within_memory(scorer, rows));
  scored.compute_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  scored.task = order.task;
  scored.block = order.block;
  scored.least_flops = scorer.least_flops(rows);
  return scored;
}

const char* activity_name(Role role) {
  if (role == Role::kReward) return "reward tile";
  return role == Role::kCost ? "cost tile" : "reference tile";
}

}  // namespace

ScorerActor::behavior_type scorer_actor(ScorerActor::pointer self,
                                        std::shared_ptr<const ScoringJob> job, std::uint64_t worker,
                                        ScoreDesk desk, StoreActor store) {
  install_error_boundary(self);
  const auto activity = std::make_shared<Activity>("scorer " + std::to_string(worker), job->group);
  for (int credit = 0; credit < kCredits; ++credit) self->send(desk, PullWork{worker});
  return {
      [=](const ComputeTile& order) {
        Activity::Busy busy = activity->busy(activity_name(job->models[order.task.model].role),
                                             order.task.rows.count);
        busy.begin_flow({"tile", order.task.id});
        try {
          self->send(store, compute(*job, worker, order));
        } catch (const Error& error) {
          self->send(desk, TileFailed{order.task.id, worker, error.code(), error.what()});
        }
        self->send(desk, PullWork{worker});
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
