// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "runtime/transport/message_bodies.h"

namespace midpo {

/// A task at a worker, and what its result must look like.
struct HeldTask {
  using Clock = std::chrono::steady_clock;
  using TileShape = std::vector<std::size_t>;  ///< sequences of each row

  std::uint64_t task = 0;
  std::uint32_t attempt = 0;
  std::variant<TileShape, std::shared_ptr<const PromptTask>> wanted;
  Clock::time_point since;
  std::optional<Clock::time_point> started;  ///< when a lane was free for it

  bool is_tile() const { return std::holds_alternative<TileShape>(wanted); }
  MessageKind kind() const { return is_tile() ? MessageKind::kTask : MessageKind::kPrompts; }
};

/// The tasks of one worker, oldest first. Workers compute in the order of arrival: what waits
/// behind is neither late nor to blame.
class HeldTasks {
 public:
  using Clock = HeldTask::Clock;

  void add(HeldTask task) { all_.push_back(std::move(task)); }

  /// The task that an answer belongs to; it is held no longer.
  std::optional<HeldTask> take(const Envelope& answer);

  /// Those that `num_lanes` lanes compute.
  std::span<const HeldTask> computing(std::uint32_t num_lanes) const;
  void start(std::uint32_t num_lanes, Clock::time_point now);
  const HeldTask* overdue(Clock::time_point now, Clock::duration deadline) const;
  Clock::time_point next_deadline(Clock::duration deadline) const;

  const std::vector<HeldTask>& all() const { return all_; }

 private:
  std::size_t num_computing(std::uint32_t num_lanes) const;

  std::vector<HeldTask> all_;
};

}  // namespace midpo
