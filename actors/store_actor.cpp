// SPDX-License-Identifier: Apache-2.0
#include "actors/store_actor.h"

#include <chrono>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = StoreActor::stateful_pointer<StoreState>;

/// A group of results is made durable together: after this long, or when it holds this many rows.
constexpr std::chrono::milliseconds kCommitInterval{20};
constexpr std::size_t kCommitRows = 8192;

void commit(Pointer self) {
  StoreState& state = self->state;
  Activity::Busy busy = state.activity->busy("commit", state.uncommitted_rows);
  for (const TileScored& scored : state.uncommitted) busy.continue_flow({"tile", scored.task.id});
  const auto start = std::chrono::steady_clock::now();
  state.store->commit();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double share =
      state.uncommitted.empty() ? 0.0 : seconds / static_cast<double>(state.uncommitted.size());
  for (TileScored& scored : state.uncommitted) {
    self->send(state.peers.desk,
               TileCommitted{scored.task.id, scored.compute_seconds, share, scored.least_flops});
    for (const ScoreConsumer& consumer : state.peers.consumers) self->send(consumer, scored);
  }
  state.uncommitted.clear();
  state.uncommitted_rows = 0;
  if (state.frontier_waits) {
    state.frontier_waits = false;
    self->send(state.peers.writer, FrontierCommitted{});
  }
}

void commit_soon(Pointer self) {
  if (self->state.uncommitted_rows >= kCommitRows) {
    commit(self);
  } else if (!self->state.tick_is_pending) {
    self->state.tick_is_pending = true;
    self->delayed_send(self, kCommitInterval, CommitTick{});
  }
}

void put_tile(StoreState& state, const TileScored& scored) {
  const JobModel& model = state.job->models[scored.task.model];
  std::vector<StoredScore> rows;
  rows.reserve(scored.values->size());
  for (std::size_t i = 0; i < scored.values->size(); ++i) {
    rows.push_back(
        {scored.block->contents[model.tokenizer][scored.task.rows.first + i], (*scored.values)[i]});
  }
  state.store->put_scores(model.store_id, rows);
}

KnownScores look_up(StoreState& state, const TokenizedBlock& block) {
  KnownScores known;
  known.resize(state.job->models.size());
  for (const std::uint32_t m : block.models) {
    const JobModel& model = state.job->models[m];
    known[m] = state.store->find_scores(model.store_id, block.contents[model.tokenizer]);
  }
  return known;
}

void put_verdicts(RunStore& store, const RankedBlock& block) {
  std::vector<RunStore::Verdict> verdicts;
  verdicts.reserve(block.verdicts.size());
  for (const RankedBlock::Verdict& verdict : block.verdicts) {
    verdicts.push_back({verdict.row, verdict.content, verdict.state, verdict.reason});
  }
  store.put_verdicts(verdicts);
}

}  // namespace

StoreActor::behavior_type store_actor(Pointer self, std::shared_ptr<const ScoringJob> job,
                                      std::shared_ptr<RunStore> store) {
  install_error_boundary(self);
  self->state.activity = std::make_unique<Activity>("store", job->group);
  self->state.job = std::move(job);
  self->state.store = std::move(store);
  return {
      [self](const StorePeers& peers) { self->state.peers = peers; },
      [self](const LookUpBlock& look) {
        const Activity::Busy busy = self->state.activity->busy("look up");
        auto known = std::make_shared<const KnownScores>(look_up(self->state, *look.block));
        self->send(self->state.peers.desk, BlockLookedUp{look.block, std::move(known)});
      },
      [self](const TileScored& scored) {
        put_tile(self->state, scored);
        self->state.uncommitted_rows += scored.values->size();
        self->state.uncommitted.push_back(scored);
        commit_soon(self);
      },
      [self](const AdvanceFrontier& advance) {
        for (const auto& block : *advance.blocks) put_verdicts(*self->state.store, *block);
        self->state.store->set_frontier(*advance.frontier);
        self->state.frontier_waits = self->state.frontier_waits || advance.is_final;
        if (advance.is_final) {
          commit(self);
        } else {
          commit_soon(self);
        }
      },
      [self](CommitTick) {
        self->state.tick_is_pending = false;
        commit(self);
      },
      [self](Stop) {
        commit(self);
        self->quit();
      },
  };
}

}  // namespace midpo
