// SPDX-License-Identifier: Apache-2.0
#include "actors/ranker_actor.h"

#include <chrono>

#include "actors/error_boundary.h"
#include "actors/row_lines.h"

namespace midpo {
namespace {

using Pointer = RankerActor::stateful_pointer<RankerState>;

/// [model] of one row; what a scorer could not give is null.
std::vector<const std::vector<double>*> row_values(const OpenBlock& open, std::size_t row) {
  std::vector<const std::vector<double>*> values;
  for (const auto& model : open.scores) values.push_back(model[row] ? &*model[row] : nullptr);
  return values;
}

RankDecision decide_row(const RankJob& job, const PreferenceRow& row, Collapse collapse,
                        const std::vector<const std::vector<double>*>& values) {
  if (collapse == Collapse::kIdentical)
    return {.is_kept = false, .reason = filter_reason::kIdenticalTokens};
  if (collapse == Collapse::kAfterTruncation) {
    return {.is_kept = false, .reason = filter_reason::kIdenticalAfterTruncation};
  }
  RowEvidence evidence{.rewards = {},
                       .costs = {},
                       .better_response_id = row.better_response_id,
                       .safer_response_id = row.safer_response_id,
                       .is_response_safe = row.is_response_safe};
  for (std::size_t m = 0; m < job.models.size(); ++m) {
    if (job.models[m].role == Role::kReward) evidence.rewards = *values[m];
    if (job.models[m].role == Role::kCost) evidence.costs = *values[m];
  }
  return decide(job.policy, evidence, job.tie_margin);
}

void rank_row(const RankJob& job, const OpenBlock& open, std::size_t index, RankedBlock& ranked) {
  const PreferenceRow& row = open.block->source->rows[index];
  const ContentHash content = open.block->contents.front()[index];
  if (!open.rejections[index].empty()) {
    ranked.quarantine_lines +=
        quarantine_line({row.row, row.position, open.rejections[index], row.json});
    ranked.verdicts.push_back({row.row, content, "quarantined", open.rejections[index]});
    return;
  }
  const auto values = row_values(open, index);
  const RankDecision decision = decide_row(job, row, open.block->collapses[index], values);
  if (decision.is_kept) ranked.d_dual_lines += d_dual_line(job, row, values, decision);
  if (!job.scores_output_path.empty()) ranked.score_lines += score_line(job, row, values, decision);
  ranked.verdicts.push_back(
      {row.row, content, decision.is_kept ? "kept" : "filtered", std::string(decision.reason)});
  ranked.num_packed_tokens += open.block->packed_tokens[index];
  ranked.num_near_ties += decision.is_near_tie ? 1 : 0;
}

void finish_if_complete(Pointer self, std::map<std::uint64_t, OpenBlock>::iterator open) {
  self->state.activity->set_queue(self->state.open_blocks.size());
  if (open->second.num_missing > 0) return;
  const Activity::Busy busy =
      self->state.activity->busy("rank", open->second.block->source->num_rows);
  self->send(self->state.writer, BlockRanked{rank_block(*self->state.job, open->second)});
  self->state.open_blocks.erase(open);
}

void open_block(Pointer self, const BlockPlanned& planned) {
  OpenBlock open{planned.block, *planned.known, {}, 0};
  open.rejections.resize(planned.block->source->rows.size());
  for (const auto& model : open.scores) {
    for (const auto& value : model) open.num_missing += value ? 0 : 1;
  }
  const auto inserted =
      self->state.open_blocks.emplace(planned.block->source->index, std::move(open));
  finish_if_complete(self, inserted.first);
}

void add_scores(Pointer self, const TileScored& scored) {
  const auto open = self->state.open_blocks.find(scored.task.block);
  if (open == self->state.open_blocks.end()) return;  // a second result of a finished block
  auto& column = open->second.scores[scored.task.model];
  for (std::size_t i = 0; i < scored.values->size(); ++i) {
    auto& slot = column[scored.task.rows.first + i];
    if (slot) continue;
    slot = (*scored.values)[i];
    --open->second.num_missing;
  }
  finish_if_complete(self, open);
}

void reject_row(Pointer self, const RowRejected& rejected) {
  const auto open = self->state.open_blocks.find(rejected.block);
  if (open == self->state.open_blocks.end()) return;
  open->second.rejections[rejected.row] = rejected.reason;
  // The other models may still answer for this row; only the failed one stops being waited for.
  auto& slot = open->second.scores[rejected.model][rejected.row];
  if (!slot) {
    slot.emplace();
    --open->second.num_missing;
  }
  finish_if_complete(self, open);
}

}  // namespace

std::shared_ptr<const RankedBlock> rank_block(const RankJob& job, const OpenBlock& open) {
  const auto start = std::chrono::steady_clock::now();
  const RowBlock& source = *open.block->source;
  auto ranked = std::make_shared<RankedBlock>();
  ranked->index = source.index;
  ranked->num_rows = source.num_rows;
  ranked->is_last = source.is_last;
  ranked->fraction_read = open.block->fraction_read;
  std::size_t next_bad = 0;
  const auto emit_bad_before = [&](std::uint64_t row) {
    for (; next_bad < source.bad_rows.size() && source.bad_rows[next_bad].row < row; ++next_bad) {
      const BadRow& bad = source.bad_rows[next_bad];
      ranked->quarantine_lines += quarantine_line(bad);
      ranked->verdicts.push_back({bad.row, {}, "quarantined", bad.reason});
    }
  };
  for (std::size_t i = 0; i < source.rows.size(); ++i) {
    emit_bad_before(source.rows[i].row);
    rank_row(job, open, i, *ranked);
  }
  emit_bad_before(source.first_row + source.num_rows);
  ranked->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return ranked;
}

RankerActor::behavior_type ranker_actor(Pointer self, std::shared_ptr<const RankJob> job,
                                        WriterActor writer) {
  install_error_boundary(self);
  self->state.job = std::move(job);
  self->state.writer = std::move(writer);
  self->state.activity = std::make_unique<Activity>("ranker");
  return {
      [self](const BlockPlanned& planned) { open_block(self, planned); },
      [self](const TileScored& scored) { add_scores(self, scored); },
      [self](const RowRejected& rejected) { reject_row(self, rejected); },
      [self](Stop) { self->quit(); },
  };
}

}  // namespace midpo
