// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/flow/tiles.h"

namespace midpo {

/// One unit of work: a tile of a block under one model.
struct Task {
  std::uint64_t id = 0;
  std::uint32_t model = 0;  ///< index into the job's models
  std::uint64_t block = 0;
  TileRange rows;
  std::uint32_t attempt = 0;  ///< 0 for the first try
};

/// Which task is waiting, out with which worker, or finished. Work is pulled: a worker asks, and
/// gets the oldest task of the model it is at home in (whose weights its caches may hold), unless
/// that is more blocks ahead of the oldest of all than there are models: blocks come in the order
/// in which somebody waits for them. Every task is finished exactly once. Not thread-safe; time
/// comes from the caller.
class TaskLedger {
 public:
  using Clock = std::chrono::steady_clock;
  using WorkerId = std::uint64_t;

  explicit TaskLedger(std::uint32_t num_models);

  void add(std::uint32_t model, std::uint64_t block, TileRange rows);

  /// @return nothing when no task waits.
  std::optional<Task> lease(WorkerId worker, std::uint32_t home_model, Clock::time_point now);

  /// Also a task that was taken back meanwhile: its worker was lost after it had sent the result.
  /// @return nothing if the task was finished before.
  std::optional<Task> finish(std::uint64_t task_id) { return take(task_id); }

  /// Takes a task back from a worker that failed on it, or died of it. Two and more rows are split
  /// in halves, so that a bad row is isolated; values do not depend on the split.
  /// @return the task if it was a single row and failed max_attempts times: then it is finished and
  /// gone.
  std::optional<Task> fail(std::uint64_t task_id, std::uint32_t max_attempts);

  /// Takes back everything a lost worker held; attempts count.
  void release(WorkerId worker);

  /// A task that has been out longer than the limit, oldest first.
  struct Overdue {
    Task task;
    WorkerId worker = 0;
    std::chrono::duration<double> held{};
  };
  std::optional<Overdue> overdue(Clock::time_point now, Clock::duration limit) const;

  /// The rows of a task that waits or is out; nothing if it was finished.
  std::optional<TileRange> rows_of(std::uint64_t task_id) const;

  /// All tasks that are out.
  std::vector<Overdue> out(Clock::time_point now) const;

  std::size_t num_models() const { return waiting_.size(); }
  std::size_t num_waiting() const;
  std::size_t num_out() const { return out_.size(); }
  bool is_idle() const { return num_waiting() == 0 && out_.empty(); }

 private:
  struct Lease {
    Task task;
    WorkerId worker;
    Clock::time_point since;
  };

  /// @return nothing when no task waits.
  std::deque<Task>* choose_queue(std::uint32_t home_model);
  void enqueue_again(Task task);
  std::optional<Task> take(std::uint64_t task_id);

  std::uint64_t next_id_ = 1;
  std::vector<std::deque<Task>> waiting_;
  std::map<std::uint64_t, Lease> out_;
};

}  // namespace midpo
