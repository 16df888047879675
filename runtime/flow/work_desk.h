// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "runtime/flow/task_ledger.h"

namespace midpo {

struct WorkDeskOptions {
  std::uint32_t max_attempts = 3;  ///< of a single row that fails for no fault of its own
  std::uint32_t max_deaths = 3;    ///< of workers that computed a single row, before it is given up
  /// A task held for so long may be given to a second worker when nothing else waits.
  std::chrono::milliseconds copy_after{2000};
};

/// Brings tasks and workers together, local scorers and workers of other processes alike: both ask
/// for a task by pull(), both may be lost. Not thread-safe; time comes from the caller. The
/// simulation (tests/simulation) runs on it; a coordinator of actors can hold one in place of a
/// ledger and a queue of its own.
class WorkDesk {
 public:
  using Clock = TaskLedger::Clock;
  using WorkerId = TaskLedger::WorkerId;
  struct Assignment {
    WorkerId worker = 0;
    Task task;  ///< attempt: another one each time it is given
    bool is_copy = false;
  };

  WorkDesk(std::uint32_t num_models, const WorkDeskOptions& options);

  void add(std::uint32_t model, std::uint64_t block, TileRange rows) {
    ledger_.add(model, block, rows);
  }

  /// The worker takes so many tasks more.
  void pull(WorkerId worker, std::uint32_t count = 1);

  /// What goes to whom now. @param allows_copies  no more tasks will be added: idle workers may
  /// compute a second time what another holds for long; whoever is first wins.
  std::vector<Assignment> hand_out(Clock::time_point now, bool allows_copies);

  /// When hand_out() would make a copy that it does not make now; far away if never.
  Clock::time_point next_copy(Clock::time_point now) const;

  /// The task's values are durable. @return nothing if it was finished before.
  std::optional<Task> finish(std::uint64_t task);

  /// A worker could not compute the task. Several rows are parted and tried again.
  /// @return the row, alone, that no worker can compute
  std::optional<Task> fail(std::uint64_t task, bool is_rows_fault);

  /// A worker died while it computed the task. Several rows are parted at once, which costs
  /// nothing: only the row to blame must be found. @return that row, alone, if it has killed
  /// max_deaths workers
  std::optional<Task> blame(std::uint64_t task);

  /// The worker is gone; what it held waits again.
  void lose(WorkerId worker);

  const TaskLedger& ledger() const { return ledger_; }
  bool is_idle() const { return ledger_.is_idle(); }
  std::size_t num_idle() const { return idle_.size(); }

 private:
  /// A task that has been handed out and is not finished.
  struct Given {
    TileRange rows;
    std::uint32_t num_given = 0;
    std::optional<WorkerId> copier;  ///< who has the second copy
    std::uint32_t deaths = 0;        ///< of workers that were computing it
  };

  std::optional<Task> lease_copy(WorkerId worker, Clock::time_point now);

  WorkDeskOptions options_;
  std::uint32_t num_models_;
  TaskLedger ledger_;
  std::deque<WorkerId> idle_;  ///< one entry an unanswered pull, in order
  std::map<std::uint64_t, Given> given_;
};

}  // namespace midpo
