// SPDX-License-Identifier: Apache-2.0
#include "actors/coordinator_actor.h"

#include <numeric>

#include "actors/error_boundary.h"
#include "actors/ranker_actor.h"
#include "actors/source_actor.h"
#include "actors/stop_request.h"
#include "actors/store_actor.h"
#include "actors/supervision.h"
#include "actors/tokenizer_actor.h"
#include "runtime/observe/log.h"
#include "runtime/observe/trace.h"

namespace midpo {
namespace {

using Pointer = CoordinatorActor::stateful_pointer<CoordinatorState>;
using Clock = CoordinatorState::Clock;

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kMetricsInterval{5};

std::size_t number(Stage stage) { return static_cast<std::size_t>(stage); }

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void read_ahead(Pointer self) {
  CoordinatorState& state = self->state;
  while (!state.saw_last_block && !state.company->is_stopping() &&
         state.blocks_in_flight < state.job->max_blocks_in_flight) {
    ++state.blocks_in_flight;
    self->send(state.source, ReadBlock{});
  }
}

void plan_block(Pointer self, const BlockLookedUp& looked) {
  CoordinatorState& state = self->state;
  state.outcome.seconds.tokenize += looked.block->seconds;
  if (looked.block->source->is_last) state.saw_last_block = true;
  self->send(state.ranker, BlockPlanned{looked.block, looked.known});
  state.crew->add_block(looked);
}

void note_commit(Pointer self, const TileCommitted& committed) {
  CoordinatorState& state = self->state;
  if (state.crew->figures().tiles_done == 0)
    state.outcome.first_score_seconds = seconds_since(state.start);
  state.crew->commit(committed);
}

void note_written(Pointer self, const BlockWritten& written) {
  CoordinatorState& state = self->state;
  state.crew->forget_block(written.block);
  --state.blocks_in_flight;
  state.outcome.rows_done += written.num_rows;
  state.outcome.tokens_done += written.num_packed_tokens;
  state.outcome.seconds.rank += written.rank_seconds;
  state.outcome.seconds.write += written.write_seconds;
  state.progress.rows_done += written.num_rows;
  state.progress.rows_kept = state.progress.rows_kept.value_or(0) + written.num_kept;
  state.progress.tokens_done += written.num_packed_tokens;
  state.progress.fraction = written.fraction_read;
  if (written.is_last) {
    self->send(state.writer, FinishOutputs{});
  } else {
    read_ahead(self);
  }
}

void write_metrics(CoordinatorState& state) {
  if (!state.metrics) return;
  const double wall = seconds_since(state.start);
  const TaskLedger& ledger = state.crew->ledger();
  const auto& busy = state.crew->figures().compute_seconds;
  const double compute = std::accumulate(busy.begin(), busy.end(), 0.0);
  const auto rows = static_cast<double>(state.outcome.rows_done);
  state.metrics->write(
      state.outcome.rows_done,
      {{"rank/rows", rows},
       {"rank/kept", static_cast<double>(state.progress.rows_kept.value_or(0))},
       {"rank/rows_per_second", rows / wall},
       {"rank/tokens_per_second", static_cast<double>(state.outcome.tokens_done) / wall},
       {"rank/fraction", state.progress.fraction},
       {"rank/first_score_seconds", state.outcome.first_score_seconds},
       {"scorer/busy_share", compute / (wall * std::max(1.0, state.crew->num_lanes()))},
       {"ledger/waiting", static_cast<double>(ledger.num_waiting())},
       {"ledger/out", static_cast<double>(ledger.num_out())}});
}

void tick(Pointer self) {
  CoordinatorState& state = self->state;
  const auto now = Clock::now();
  if (state.reporter && !state.company->is_stopping()) state.reporter->update(state.progress, now);
  if (now >= state.next_metrics) {
    write_metrics(state);
    state.next_metrics = now + kMetricsInterval;
  }
  if (stop_requested() && !state.company->is_stopping()) {
    stop_job(self, Error(ErrorCode::kShutdown, "stopped on request; continue with --resume"));
  }
  if (state.reports.take()) state.crew->report(now);
  check_deadlines(self);
  self->delayed_send(self, kTick, CoordinatorTick{});
}

void spawn_all(Pointer self, const std::shared_ptr<JobResources>& resources) {
  CoordinatorState& state = self->state;
  const auto& job = state.job;
  const CoordinatorActor me = self;
  Company& company = *state.company;
  state.store = self->spawn<caf::detached>(store_actor, job, resources->store);
  state.writer = self->spawn<caf::detached>(writer_actor, job, resources->outputs,
                                            resources->frontier, state.store, me);
  state.ranker = self->spawn(ranker_actor, job, state.writer);
  self->send(state.store, StorePeers{me, {state.ranker}, state.writer});
  std::vector<TokenizerActor> tokenizers;
  for (std::uint32_t i = 0; i < job->num_tokenizers; ++i) {
    tokenizers.push_back(self->spawn(tokenizer_actor, job, state.store));
    company.join(tokenizers.back(), "tokenizer " + std::to_string(i), number(Stage::kFeeding));
  }
  state.source = self->spawn<caf::detached>(source_actor, resources->reader, tokenizers);
  company.join(state.source, "source", number(Stage::kFeeding));
  company.join(state.ranker, "ranker", number(Stage::kRanking));
  company.join(state.writer, "writer", number(Stage::kWriting));
  company.join(state.store, "store", number(Stage::kStoring));
  state.crew =
      std::make_unique<ScorerCrew>(self, job, me, state.store, company, number(Stage::kFeeding));
}

}  // namespace

CoordinatorActor::behavior_type coordinator_actor(Pointer self, std::shared_ptr<const RankJob> job,
                                                  std::shared_ptr<JobResources> resources,
                                                  caf::actor listener) {
  install_error_boundary(self);
  trace::begin_job();
  CoordinatorState& state = self->state;
  state.job = job;
  state.listener = std::move(listener);
  state.company = std::make_unique<Company>(self, number(Stage::kCount));
  state.start = Clock::now();
  state.next_metrics = state.start + kMetricsInterval;
  if (job->shows_progress)
    state.reporter = make_progress("rank", ProgressStyle::kAuto, state.start);
  if (!job->metrics_path.empty()) state.metrics = MetricsWriter::open(job->metrics_path);
  self->set_down_handler([self](const caf::down_msg& down) { note_down(self, down); });
  spawn_all(self, resources);
  read_ahead(self);
  self->delayed_send(self, kTick, CoordinatorTick{});
  return {
      [self](const BlockLookedUp& looked) { plan_block(self, looked); },
      [self](const PullWork& pull) { self->state.crew->pull(pull.worker); },
      [self](const TileCommitted& committed) { note_commit(self, committed); },
      [self](const TileFailed& failed) { note_failed_tile(self, failed); },
      [self](const ScorerJoined& joined) { self->state.crew->adopt(joined); },
      [self](const ScorerLeft& left) { self->state.crew->release(left); },
      [self](const BlockWritten& written) { note_written(self, written); },
      [self](const OutputsPublished& published) {
        CoordinatorState& s = self->state;
        s.outcome.counters = counters_from_json(published.counters_json);
        s.outcome.wall_seconds = seconds_since(s.start);
        write_metrics(s);
        if (s.reporter) s.reporter->finish(s.progress, Clock::now());
        stop_job(self, std::nullopt);
      },
      [self](CoordinatorTick) { tick(self); },
  };
}

}  // namespace midpo
