// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/work_desk.h"

#include <algorithm>

namespace midpo {

WorkDesk::WorkDesk(std::uint32_t num_models, const WorkDeskOptions& options)
    : options_(options), num_models_(num_models), ledger_(num_models) {}

void WorkDesk::pull(WorkerId worker, std::uint32_t count) {
  idle_.insert(idle_.end(), count, worker);
}

std::vector<WorkDesk::Assignment> WorkDesk::hand_out(Clock::time_point now, bool allows_copies) {
  std::vector<Assignment> given;
  std::deque<WorkerId> still_idle;
  for (const WorkerId worker : idle_) {
    const auto home = static_cast<std::uint32_t>(worker % num_models_);
    auto task = ledger_.lease(worker, home, now);
    const bool is_copy = !task && allows_copies;
    if (is_copy) task = lease_copy(worker, now);
    if (!task) {
      still_idle.push_back(worker);
      continue;
    }
    Given& entry = given_[task->id];
    entry.rows = task->rows;
    task->attempt = entry.num_given++;
    given.push_back({worker, *task, is_copy});
  }
  idle_ = std::move(still_idle);
  return given;
}

std::optional<Task> WorkDesk::lease_copy(WorkerId worker, Clock::time_point now) {
  const TaskLedger::Overdue* oldest = nullptr;
  const auto all_out = ledger_.out(now);
  for (const auto& out : all_out) {
    const bool is_free = out.worker != worker && !given_.at(out.task.id).copier;
    const bool is_late = out.held >= options_.copy_after;
    if (is_free && is_late && (oldest == nullptr || out.held > oldest->held)) oldest = &out;
  }
  if (oldest == nullptr) return std::nullopt;
  given_.at(oldest->task.id).copier = worker;
  return oldest->task;
}

WorkDesk::Clock::time_point WorkDesk::next_copy(Clock::time_point now) const {
  auto next = Clock::time_point::max();
  if (idle_.empty()) return next;
  for (const auto& out : ledger_.out(now)) {
    const bool is_free = !given_.at(out.task.id).copier && out.held < options_.copy_after;
    const auto since = now - std::chrono::duration_cast<Clock::duration>(out.held);
    if (is_free) next = std::min(next, since + options_.copy_after);
  }
  return next;
}

std::optional<Task> WorkDesk::finish(std::uint64_t task) {
  given_.erase(task);
  return ledger_.finish(task);
}

std::optional<Task> WorkDesk::fail(std::uint64_t task, bool is_rows_fault) {
  const auto given = given_.find(task);
  if (given == given_.end()) return std::nullopt;  // another worker has computed it
  const bool is_parted = given->second.rows.count > 1;
  const auto dead = ledger_.fail(task, is_rows_fault ? 1 : options_.max_attempts);
  if (is_parted || dead) given_.erase(given);
  return dead;
}

std::optional<Task> WorkDesk::blame(std::uint64_t task) {
  const auto given = given_.find(task);
  if (given == given_.end()) return std::nullopt;
  const bool is_one_row = given->second.rows.count == 1;
  if (is_one_row && ++given->second.deaths < options_.max_deaths) return std::nullopt;
  return fail(task, true);
}

void WorkDesk::lose(WorkerId worker) {
  std::erase(idle_, worker);
  for (auto& [task, given] : given_) {
    if (given.copier == worker) given.copier.reset();
  }
  ledger_.release(worker);
}

}  // namespace midpo
