// SPDX-License-Identifier: Apache-2.0
#include "actors/online/round_desk_actor.h"

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = RoundDeskActor::stateful_pointer<RoundDeskState>;

/// A block of a round has all its scores.
void complete(Pointer self, std::uint64_t block) {
  RoundDeskState& state = self->state;
  const std::uint64_t round = block / 2;
  const Activity::Busy busy = state.activity->busy("rank");
  self->send(state.coordinator, RoundBlockDone{block});
  if (block % 2 == 0) {
    if (const auto pairs = state.desk->rank(round)) {
      self->send(state.store, LookUpBlock{pairs});
      return;
    }
  }
  self->send(state.learner, state.desk->finish(round));
}

/// The candidates of a round, once all of them are there. @param block  null: not yet
void open(Pointer self, const std::shared_ptr<const TokenizedBlock>& block) {
  if (!block) return;
  if (block->source->rows.empty()) {
    complete(self, block->source->index);
  } else {
    self->send(self->state.store, LookUpBlock{block});
  }
}

void take(Pointer self, std::uint64_t block, std::uint32_t model, std::size_t first_row,
          std::span<const std::optional<std::vector<double>>> values) {
  if (self->state.desk->put(block, model, first_row, values)) complete(self, block);
}

void take_known(Pointer self, const BlockPlanned& planned) {
  const std::uint64_t index = planned.block->source->index;
  for (const std::uint32_t model : planned.block->models) {
    const auto& known = (*planned.known)[model];
    for (std::size_t row = 0; row < known.size(); ++row) {
      if (known[row]) take(self, index, model, row, {&known[row], 1});
    }
  }
}

void take_scored(Pointer self, const TileScored& scored) {
  const std::vector<std::optional<std::vector<double>>> values(scored.values->begin(),
                                                               scored.values->end());
  take(self, scored.block->source->index, scored.task.model, scored.task.rows.first, values);
}

}  // namespace

RoundDeskActor::behavior_type round_desk_actor(Pointer self, std::shared_ptr<const OnlineJob> job,
                                               StoreActor store, OnlineLearnerActor learner,
                                               OnlineCoordinatorActor coordinator) {
  install_error_boundary(self);
  RoundDeskState& state = self->state;
  state.desk = std::make_unique<RoundDesk>(std::move(job));
  state.store = std::move(store);
  state.learner = std::move(learner);
  state.coordinator = std::move(coordinator);
  state.activity = std::make_unique<Activity>("round desk");
  return {
      [self](const RoundPartGenerated& part) { open(self, self->state.desk->add(part)); },
      [self](const PromptLeftOut& prompt) { open(self, self->state.desk->leave_out(prompt)); },
      [self](const BlockPlanned& planned) { take_known(self, planned); },
      [self](const TileScored& scored) { take_scored(self, scored); },
      [self](const RowRejected& rejected) {
        if (self->state.desk->reject(rejected)) complete(self, rejected.block);
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
