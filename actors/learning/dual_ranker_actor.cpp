// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/dual_ranker_actor.h"

#include <algorithm>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = DualRankerActor::stateful_pointer<DualRankerState>;

constexpr std::uint32_t kNotRanked = UINT32_MAX;

std::vector<std::uint32_t> rank_models(const LearningJob& job) {
  std::vector<std::uint32_t> indices;
  for (const JobModel& model : job.models) {
    const auto& ranked = job.ranking->models;
    const auto found = std::ranges::find(ranked, model.role, &JobModel::role);
    indices.push_back(found == ranked.end() ? kNotRanked
                                            : static_cast<std::uint32_t>(found - ranked.begin()));
  }
  return indices;
}

void put(DualRankerState& state, const TokenizedBlock& block, std::uint32_t model,
         std::size_t tokenizer, std::size_t row, const std::vector<double>& values) {
  const std::uint32_t ranked = state.rank_model[model];
  if (ranked != kNotRanked) state.ranking->put(ranked, block.contents[tokenizer][row], values);
}

void advance(Pointer self, const LearningJob& job) {
  DualRankerState& state = self->state;
  if (state.ranking->is_finished()) return;
  const std::uint64_t rows_before = state.ranking->counters().rows_in;
  Activity::Busy busy = state.activity->busy("rank");
  state.ranking->advance();
  busy.set_items(state.ranking->counters().rows_in - rows_before);
  if (!state.ranking->is_finished()) return;
  if (job.on_ranked) job.on_ranked(state.ranking->counters());
  self->send(state.coordinator, RowsRanked{});
}

}  // namespace

DualRankerActor::behavior_type dual_ranker_actor(Pointer self,
                                                 std::shared_ptr<const LearningJob> job,
                                                 LearningCoordinatorActor coordinator) {
  install_error_boundary(self);
  DualRankerState& state = self->state;
  state.ranking = std::make_unique<DualRanking>(job->ranking);
  state.rank_model = rank_models(*job);
  state.activity = std::make_unique<Activity>("ranker", job->group);
  state.coordinator = std::move(coordinator);
  advance(self, *job);
  return {
      [self, job](const BlockPlanned& planned) {
        const std::uint32_t model = planned.block->models.front();
        const auto& known = (*planned.known)[model];
        for (std::size_t row = 0; row < known.size(); ++row) {
          if (!known[row]) continue;
          put(self->state, *planned.block, model, job->models[model].tokenizer, row, *known[row]);
        }
        advance(self, *job);
      },
      [self, job](const TileScored& scored) {
        const std::uint32_t model = scored.task.model;
        for (std::size_t i = 0; i < scored.values->size(); ++i) {
          put(self->state, *scored.block, model, job->models[model].tokenizer,
              scored.task.rows.first + i, (*scored.values)[i]);
        }
        advance(self, *job);
      },
      [self, job](const ScoreRejected& rejected) {
        const auto& [model, row, reason] = rejected.score;
        const std::uint32_t ranked = self->state.rank_model[model];
        if (ranked == kNotRanked) return;
        const ContentHash content = job->rows[row].contents[job->models[model].tokenizer];
        self->state.ranking->reject(ranked, content, reason);
        advance(self, *job);
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
