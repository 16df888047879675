// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/task_ledger.h"

#include <algorithm>
#include <cassert>

namespace midpo {

TaskLedger::TaskLedger(std::uint32_t num_models) : waiting_(num_models) {}

void TaskLedger::add(std::uint32_t model, std::uint64_t block, TileRange rows) {
  assert(model < waiting_.size() && rows.count > 0);
  waiting_[model].push_back({next_id_++, model, block, rows, 0});
}

std::deque<Task>* TaskLedger::choose_queue(std::uint32_t home_model) {
  const auto front_block = [](const std::deque<Task>& queue) {
    return queue.empty() ? UINT64_MAX : queue.front().block;
  };
  const auto oldest = std::ranges::min_element(waiting_, {}, front_block);
  if (oldest->empty()) return nullptr;
  std::deque<Task>& home = waiting_[home_model];
  const bool may_stay =
      !home.empty() && front_block(home) - front_block(*oldest) <= waiting_.size();
  return may_stay ? &home : &*oldest;
}

std::optional<Task> TaskLedger::lease(WorkerId worker, std::uint32_t home_model,
                                      Clock::time_point now) {
  assert(home_model < waiting_.size());
  std::deque<Task>* queue = choose_queue(home_model);
  if (queue == nullptr) return std::nullopt;
  const Task task = queue->front();
  queue->pop_front();
  out_.emplace(task.id, Lease{task, worker, now});
  return task;
}

std::optional<Task> TaskLedger::take(std::uint64_t task_id) {
  const auto out = out_.find(task_id);
  if (out != out_.end()) {
    const Task task = out->second.task;
    out_.erase(out);
    return task;
  }
  for (auto& queue : waiting_) {
    const auto found = std::ranges::find(queue, task_id, &Task::id);
    if (found == queue.end()) continue;
    const Task task = *found;
    queue.erase(found);
    return task;
  }
  return std::nullopt;
}

void TaskLedger::enqueue_again(Task task) {
  // In front: an old block must not wait behind newer ones, or its credit never returns.
  ++task.attempt;
  waiting_[task.model].push_front(task);
}

std::optional<Task> TaskLedger::fail(std::uint64_t task_id, std::uint32_t max_attempts) {
  const std::optional<Task> task = take(task_id);
  if (!task) return std::nullopt;
  if (task->rows.count > 1) {
    const std::uint32_t half = task->rows.count / 2;
    const TileRange left{task->rows.first, half};
    const TileRange right{task->rows.first + half, task->rows.count - half};
    waiting_[task->model].push_front({next_id_++, task->model, task->block, right, 0});
    waiting_[task->model].push_front({next_id_++, task->model, task->block, left, 0});
    return std::nullopt;
  }
  if (task->attempt + 1 >= max_attempts) return task;
  enqueue_again(*task);
  return std::nullopt;
}

void TaskLedger::release(WorkerId worker) {
  std::vector<Task> lost;
  for (const auto& [id, lease] : out_) {
    if (lease.worker == worker) lost.push_back(lease.task);
  }
  for (auto task = lost.rbegin(); task != lost.rend(); ++task) {
    out_.erase(task->id);
    enqueue_again(*task);
  }
}

std::optional<TaskLedger::Overdue> TaskLedger::overdue(Clock::time_point now,
                                                       Clock::duration limit) const {
  const Lease* oldest = nullptr;
  for (const auto& [id, lease] : out_) {
    if (oldest == nullptr || lease.since < oldest->since) oldest = &lease;
  }
  if (oldest == nullptr || now - oldest->since <= limit) return std::nullopt;
  return Overdue{oldest->task, oldest->worker, now - oldest->since};
}

std::optional<TileRange> TaskLedger::rows_of(std::uint64_t task_id) const {
  const auto out = out_.find(task_id);
  if (out != out_.end()) return out->second.task.rows;
  for (const auto& queue : waiting_) {
    const auto found = std::ranges::find(queue, task_id, &Task::id);
    if (found != queue.end()) return found->rows;
  }
  return std::nullopt;
}

std::vector<TaskLedger::Overdue> TaskLedger::out(Clock::time_point now) const {
  std::vector<Overdue> all;
  for (const auto& [id, lease] : out_) all.push_back({lease.task, lease.worker, now - lease.since});
  return all;
}

std::size_t TaskLedger::num_waiting() const {
  std::size_t count = 0;
  for (const auto& queue : waiting_) count += queue.size();
  return count;
}

}  // namespace midpo
