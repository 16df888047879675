// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/feeder_actor.h"

#include <algorithm>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = FeederActor::stateful_pointer<FeederState>;
using Rows = std::vector<TrainingRow>;

std::vector<ChosenRow> rows_of(const FeederState& state, const WaitingPull& pull) {
  const LearnerJob& learner = state.job->learners[pull.index];
  if (!pull.step) return learner.eval;
  std::vector<ChosenRow> rows;
  for (const std::uint64_t row : state.plans[pull.index].rows_of(*pull.step)) {
    rows.push_back(learner.train[row]);
  }
  return rows;
}

/// Stage after stage: all scores first; each learner when those before it have published.
bool is_its_turn(const FeederState& state, std::uint32_t learner) {
  if (!state.job->overlaps && state.blocks_supplied < state.blocks->size()) return false;
  return state.job->trains_together || learner == state.num_finished;
}

/// Answers a pull if all it needs is there.
bool answer(Pointer self, const WaitingPull& pull) {
  const FeederState& state = self->state;
  if (!is_its_turn(state, pull.index)) return false;
  const LearnerJob& learner = state.job->learners[pull.index];
  std::vector<ChosenRow> chosen = rows_of(state, pull);
  const auto is_settled = [&](const ChosenRow& row) {
    return state.board->is_settled(learner, row);
  };
  if (!std::ranges::all_of(chosen, is_settled)) return false;
  std::erase_if(chosen,
                [&](const ChosenRow& row) { return state.board->is_rejected(learner, row); });
  require(!chosen.empty() || !pull.step, ErrorCode::kData,
          learner.name + ": every row of step " + std::to_string(pull.step.value_or(0) + 1) +
              " is quarantined, see quarantine.jsonl and the log; repair or remove these rows");
  Activity::Busy busy = state.activity->busy("compose");
  if (pull.step) busy.begin_flow(batch_flow(pull.index, *pull.step));
  auto rows = std::make_shared<Rows>();
  for (const ChosenRow& row : chosen) rows->push_back(state.board->compose(learner, row));
  if (pull.step) {
    self->send(pull.learner, BatchReady{*pull.step, std::move(rows)});
  } else {
    self->send(pull.learner, EvaluationReady{std::move(rows)});
  }
  return true;
}

void pull_rows(Pointer self, std::uint32_t learner, std::optional<std::uint64_t> step) {
  WaitingPull pull{caf::actor_cast<LearnerActor>(self->current_sender()), learner, step};
  if (!answer(self, pull)) self->state.waiting.push_back(std::move(pull));
  self->state.activity->set_queue(self->state.waiting.size());
}

void supply(Pointer self, std::uint64_t block, std::size_t offset,
            const std::vector<double>& values) {
  FeederState& state = self->state;
  const ScoreBlock& plan = (*state.blocks)[block];
  // A tile is computed whole, also where the store knew some of its rows.
  if (state.board->put(plan.model, plan.rows[offset], values)) --state.missing[block];
}

void answer_waiting(Pointer self) {
  std::erase_if(self->state.waiting, [&](const WaitingPull& pull) { return answer(self, pull); });
}

/// A block with all its values gives its credit back; learners may have waited for it.
void note_complete(Pointer self, std::uint64_t block) {
  FeederState& state = self->state;
  const auto open = state.missing.find(block);
  if (open == state.missing.end() || open->second > 0) return;
  state.missing.erase(open);
  ++state.blocks_supplied;
  self->send(state.coordinator, BlockSupplied{block});
  answer_waiting(self);
}

void take_known(Pointer self, const BlockPlanned& planned) {
  FeederState& state = self->state;
  const std::uint64_t index = planned.block->source->index;
  const ScoreBlock& plan = (*state.blocks)[index];
  state.missing[index] = plan.rows.size();
  const auto& known = (*planned.known)[plan.model];
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i]) supply(self, index, i, *known[i]);
  }
  note_complete(self, index);
}

void take_scored(Pointer self, const TileScored& scored) {
  const std::uint64_t index = scored.block->source->index;
  {
    Activity::Busy busy = self->state.activity->busy("take scores", scored.values->size());
    busy.continue_flow({"tile", scored.task.id});
    for (std::size_t i = 0; i < scored.values->size(); ++i) {
      supply(self, index, scored.task.rows.first + i, (*scored.values)[i]);
    }
  }
  note_complete(self, index);
}

void take_rejected(Pointer self, const ScoreRejected& rejected) {
  FeederState& state = self->state;
  state.board->reject(rejected.score.model, rejected.score.row);
  --state.missing[rejected.block];
  note_complete(self, rejected.block);
}

}  // namespace

FeederActor::behavior_type feeder_actor(Pointer self, std::shared_ptr<const LearningJob> job,
                                        std::shared_ptr<const std::vector<ScoreBlock>> blocks,
                                        LearningCoordinatorActor coordinator) {
  install_error_boundary(self);
  FeederState& state = self->state;
  state.activity = std::make_unique<Activity>("feeder", job->group);
  state.board = std::make_unique<ScoreBoard>(job);
  for (const LearnerJob& learner : job->learners) state.plans.emplace_back(learner.batches);
  state.job = std::move(job);
  state.blocks = std::move(blocks);
  state.coordinator = std::move(coordinator);
  return {
      [self](const BlockPlanned& planned) { take_known(self, planned); },
      [self](const TileScored& scored) { take_scored(self, scored); },
      [self](const ScoreRejected& rejected) { take_rejected(self, rejected); },
      [self](const PullBatch& pull) { pull_rows(self, pull.learner, pull.step); },
      [self](const PullEvaluation& pull) { pull_rows(self, pull.learner, std::nullopt); },
      [self](const LearnerFinished&) {
        ++self->state.num_finished;
        answer_waiting(self);
      },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
