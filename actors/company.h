// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.h"

namespace midpo {

/// The actors of a job: who lives, under which name, and in which order they are stopped, so that
/// nobody is stopped before those who send to it. Part of a coordinator's state: if that ends by an
/// error, whoever is left ends with it.
class Company {
 public:
  using Clock = std::chrono::steady_clock;

  Company(caf::local_actor* coordinator, std::size_t num_stages)
      : coordinator_(coordinator), stages_(num_stages) {}
  ~Company();
  Company(const Company&) = delete;
  Company& operator=(const Company&) = delete;

  /// Watches an actor and stops it with its stage.
  template <typename Handle>
  void join(const Handle& handle, const std::string& name, std::size_t stage) {
    coordinator_->monitor(handle);
    names_.emplace(handle.address(), name);
    stages_[stage].push_back(caf::actor_cast<caf::actor>(handle));
  }

  /// The name of an actor that has ended, once; nothing for strangers.
  std::optional<std::string> leave(const caf::actor_addr& address);

  /// Begins the orderly end, once: the first stage is told to stop.
  void stop(Clock::time_point deadline);
  bool is_stopping() const { return stopping_stage_.has_value(); }

  /// Tells the next stages to stop as earlier ones have ended. @return true when none is left.
  bool advance_stop();

  /// While stopping: who is still there behind the deadline, by name; empty before it.
  std::string late(Clock::time_point now) const;

 private:
  bool is_anyone_alive(std::size_t stage) const;

  caf::local_actor* coordinator_;
  std::map<caf::actor_addr, std::string> names_;  ///< of the living
  std::vector<std::vector<caf::actor>> stages_;
  std::optional<std::size_t> stopping_stage_;
  Clock::time_point deadline_;
};

}  // namespace midpo
