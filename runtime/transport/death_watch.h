// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace midpo {

/// Tells workers that died from workers that were only cut off: a task is to blame for a death, not
/// for a bad network. A silent worker is dead when its name comes back as another process, or stays
/// away; it lives if the same process comes back.
class DeathWatch {
 public:
  using Clock = std::chrono::steady_clock;
  struct Held {
    std::uint64_t task = 0;
    bool has_arrived = false;  ///< at the worker, as far as is known
  };
  using Tasks = std::vector<Held>;

  explicit DeathWatch(Clock::duration gone_after) : gone_after_(gone_after) {}

  /// A worker fell silent while it computed these tasks.
  void note_silent(std::string name, std::uint64_t instance, Tasks tasks, Clock::time_point now);

  /// A worker of that name is there (again). @return tasks that were computed by processes of that
  /// name that are now known to be dead
  Tasks note_present(const std::string& name, std::uint64_t instance);

  /// @return tasks of workers that have been away for too long
  Tasks expire(Clock::time_point now);

  /// When expire() has something; far away if never.
  Clock::time_point next_wake() const;

 private:
  struct Silent {
    std::string name;
    std::uint64_t instance;
    Tasks tasks;
    Clock::time_point since;
  };

  Clock::duration gone_after_;
  std::vector<Silent> silent_;  ///< in the order of their silence
};

}  // namespace midpo
