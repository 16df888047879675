// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/held_tasks.h"

#include <algorithm>

namespace midpo {

std::optional<HeldTask> HeldTasks::take(const Envelope& answer) {
  const auto held = std::ranges::find_if(all_, [&](const HeldTask& candidate) {
    return candidate.task == answer.task && candidate.attempt == answer.attempt;
  });
  if (held == all_.end()) return std::nullopt;
  HeldTask given = std::move(*held);
  all_.erase(held);
  return given;
}

std::size_t HeldTasks::num_computing(std::uint32_t num_lanes) const {
  return std::min<std::size_t>(std::max(num_lanes, 1U), all_.size());
}

std::span<const HeldTask> HeldTasks::computing(std::uint32_t num_lanes) const {
  return {all_.data(), num_computing(num_lanes)};
}

void HeldTasks::start(std::uint32_t num_lanes, Clock::time_point now) {
  for (std::size_t i = 0; i < num_computing(num_lanes); ++i) {
    if (!all_[i].started) all_[i].started = now;
  }
}

const HeldTask* HeldTasks::overdue(Clock::time_point now, Clock::duration deadline) const {
  for (const HeldTask& held : all_) {
    if (held.started && now - *held.started >= deadline) return &held;
  }
  return nullptr;
}

HeldTasks::Clock::time_point HeldTasks::next_deadline(Clock::duration deadline) const {
  Clock::time_point next = Clock::time_point::max();
  for (const HeldTask& held : all_) {
    if (held.started) next = std::min(next, *held.started + deadline);
  }
  return next;
}

}  // namespace midpo
