// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "actors/company.h"
#include "actors/job.h"
#include "actors/messages.h"
#include "actors/remote/bridge_messages.h"
#include "runtime/flow/work_desk.h"

namespace midpo {

/// What a crew has computed in this process.
struct CrewFigures {
  std::vector<double> compute_seconds;  ///< per model, summed over scorers
  double commit_seconds = 0.0;
  double least_flops = 0.0;
  std::uint64_t tiles_done = 0;
};

/// The scorers of a job and their work: cuts blocks into tiles, hands them out as scorers ask,
/// replaces a lost scorer within a budget and gives its tiles to the others. Workers of other
/// processes are adopted as they come and are not replaced when they go. Part of a coordinator's
/// state, which forwards what scorers, store and bridge tell it.
class ScorerCrew {
 public:
  using Clock = std::chrono::steady_clock;

  /// Spawns the job's scorers, and the bridge to others, into stage `stage` of the company.
  ScorerCrew(caf::local_actor* coordinator, std::shared_ptr<const ScoringJob> job, ScoreDesk desk,
             StoreActor store, Company& company, std::size_t stage, GeneratorDesk generators = {});

  /// Takes over what of a block the store does not have. Tiles are cut from the block alone; those
  /// known whole are skipped, others are computed whole, so that restarts see the same shapes.
  void add_block(const BlockLookedUp& looked);

  /// Nothing of the block is needed any more.
  void forget_block(std::uint64_t index) { blocks_.erase(index); }

  void pull(std::uint64_t worker);
  void commit(const TileCommitted& committed);

  /// A tile that fails, or that kills its worker, is halved until the row at fault is alone.
  /// @return that row: no scorer can handle it.
  struct DeadRow {
    Task task;
    Error error;                  ///< names file and line
    bool is_quarantined = false;  ///< the job goes on without it; false: the error ends the job
  };
  std::optional<DeadRow> fail(const TileFailed& failed);

  /// Of a block that has not been forgotten.
  const PreferenceRow& first_row(const Task& task) const {
    return blocks_.at(task.block)->source->rows[task.rows.first];
  }

  void adopt(const ScorerJoined& joined);
  void release(const ScorerLeft& left);

  /// Nothing more is to be computed: workers of other processes may leave.
  void dismiss();

  /// @return false if `address` is no scorer of this crew.
  bool knows(const caf::actor_addr& address) const { return worker_of_.count(address) == 1; }

  /// Replaces a lost scorer. @return the error that ends the job when the budget is spent.
  std::optional<Error> lose(const caf::actor_addr& address, const Error& error);

  /// To be called often. @return the error that ends the job when a tile is held longer than the
  /// job's deadline, or when there has been nobody to compute for too long.
  std::optional<Error> tick(Clock::time_point now);

  /// Writes to the log who waits for whom, for what and since when.
  void report(Clock::time_point now) const;

  /// Tiles that can be computed side by side: own scorers, and lanes of other processes.
  double num_lanes() const;

  /// To the workers of other processes; null where the job takes none.
  const BridgeActor& bridge() const { return bridge_; }

  const TaskLedger& ledger() const { return work_.ledger(); }
  const CrewFigures& figures() const { return figures_; }

 private:
  void spawn_scorer();
  void hand_out();
  void send(std::uint64_t worker, ComputeTile order);
  std::string name_of(std::uint64_t worker) const;
  std::string describe(const Task& task) const;

  caf::local_actor* coordinator_;
  std::shared_ptr<const ScoringJob> job_;
  ScoreDesk desk_;
  StoreActor store_;
  Company& company_;
  std::size_t stage_;
  WorkDesk work_;
  bool saw_last_block_ = false;
  bool is_dismissed_ = false;
  std::map<std::uint64_t, std::shared_ptr<const TokenizedBlock>> blocks_;
  std::map<std::uint64_t, ScorerActor> scorers_;
  BridgeActor bridge_;  ///< null without workers of other processes
  std::map<std::uint64_t, ScorerJoined> adopted_;
  Clock::time_point alone_since_;  ///< while there is nobody to compute
  std::map<caf::actor_addr, std::uint64_t> worker_of_;
  std::uint64_t next_worker_ = 0;
  std::uint32_t restarts_left_ = 3;
  CrewFigures figures_;
};

/// Notes in company and crew that somebody has ended. @param crew  may be null. @return the error
/// with which the job must end: another actor's than a scorer's, or a scorer too many.
std::optional<Error> note_end(Company& company, ScorerCrew* crew, const caf::down_msg& down);

/// The longest a tile may be held.
ScorerCrew::Clock::duration task_deadline(const ScoringJob& job);

}  // namespace midpo
