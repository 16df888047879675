// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/company.h"
#include "actors/job.h"
#include "actors/messages.h"
#include "runtime/flow/task_ledger.h"

namespace midpo {

/// What a crew has computed in this process.
struct CrewFigures {
  std::vector<double> compute_seconds;  ///< per model, summed over scorers
  double commit_seconds = 0.0;
  double least_flops = 0.0;
  std::uint64_t tiles_done = 0;
};

/// The scorers of a job and their work: cuts blocks into tiles, hands them out as scorers ask,
/// replaces a lost scorer within a budget and gives its tiles to the others. Part of a
/// coordinator's state, which forwards what scorers and store tell it.
class ScorerCrew {
 public:
  using Clock = std::chrono::steady_clock;

  /// Spawns the job's scorers into stage `stage` of the company.
  ScorerCrew(caf::local_actor* coordinator, std::shared_ptr<const ScoringJob> job, ScoreDesk desk,
             StoreActor store, Company& company, std::size_t stage);

  /// Takes over what of a block the store does not have. Tiles are cut from the block alone; those
  /// known whole are skipped, others are computed whole, so that restarts see the same shapes.
  void add_block(const BlockLookedUp& looked);

  /// Nothing of the block is needed any more.
  void forget_block(std::uint64_t index) { blocks_.erase(index); }

  void pull(std::uint64_t worker);
  void commit(const TileCommitted& committed);

  /// A tile that fails is halved until the row at fault is alone. @return that row: no scorer can
  /// handle it.
  struct DeadRow {
    Task task;
    Error error;  ///< names file and line
    bool is_rows_fault = false;
  };
  std::optional<DeadRow> fail(const TileFailed& failed);

  /// @return false if `address` is no scorer of this crew.
  bool knows(const caf::actor_addr& address) const { return worker_of_.count(address) == 1; }

  /// Replaces a lost scorer. @return the error that ends the job when the budget is spent.
  std::optional<Error> lose(const caf::actor_addr& address, const Error& error);

  /// The error that ends the job when a tile is held longer than the job's deadline.
  std::optional<Error> overdue(Clock::time_point now) const;

  const TaskLedger& ledger() const { return ledger_; }
  const CrewFigures& figures() const { return figures_; }

 private:
  void spawn_scorer();
  void hand_out();
  std::string describe(const Task& task) const;

  caf::local_actor* coordinator_;
  std::shared_ptr<const ScoringJob> job_;
  ScoreDesk desk_;
  StoreActor store_;
  Company& company_;
  std::size_t stage_;
  TaskLedger ledger_;
  std::map<std::uint64_t, std::shared_ptr<const TokenizedBlock>> blocks_;
  std::deque<std::uint64_t> idle_workers_;  ///< one entry an unanswered PullWork
  std::map<std::uint64_t, ScorerActor> scorers_;
  std::map<caf::actor_addr, std::uint64_t> worker_of_;
  std::uint64_t next_worker_ = 0;
  std::uint32_t restarts_left_ = 3;
  CrewFigures figures_;
};

/// The longest a tile may be held.
ScorerCrew::Clock::duration task_deadline(const ScoringJob& job);

}  // namespace midpo
