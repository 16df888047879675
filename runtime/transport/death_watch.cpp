// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/death_watch.h"

#include <utility>

namespace midpo {

void DeathWatch::note_silent(std::string name, std::uint64_t instance, Tasks tasks,
                             Clock::time_point now) {
  if (!tasks.empty()) silent_.push_back({std::move(name), instance, std::move(tasks), now});
}

DeathWatch::Tasks DeathWatch::note_present(const std::string& name, std::uint64_t instance) {
  Tasks blamed;
  std::erase_if(silent_, [&](const Silent& silent) {
    if (silent.name != name) return false;
    if (silent.instance != instance)
      blamed.insert(blamed.end(), silent.tasks.begin(), silent.tasks.end());
    return true;
  });
  return blamed;
}

DeathWatch::Tasks DeathWatch::expire(Clock::time_point now) {
  Tasks blamed;
  while (!silent_.empty() && now - silent_.front().since >= gone_after_) {
    blamed.insert(blamed.end(), silent_.front().tasks.begin(), silent_.front().tasks.end());
    silent_.erase(silent_.begin());
  }
  return blamed;
}

DeathWatch::Clock::time_point DeathWatch::next_wake() const {
  return silent_.empty() ? Clock::time_point::max() : silent_.front().since + gone_after_;
}

}  // namespace midpo
