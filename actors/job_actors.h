// SPDX-License-Identifier: Apache-2.0
// The actor system of one job, and waiting for its end.
#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <memory>

#include "actors/error_boundary.h"

namespace midpo {

/// Ends when all its actors have. One that never does (it hangs, or its thread could not be
/// started) is waited for until the limit and then left behind with the system.
class JobActors {
 public:
  static constexpr std::chrono::seconds kEndLimit{60};

  /// @param num_threads  for actors that are not detached.
  explicit JobActors(std::size_t num_threads = 2, std::chrono::milliseconds end_limit = kEndLimit);
  ~JobActors();
  JobActors(const JobActors&) = delete;
  JobActors& operator=(const JobActors&) = delete;

 private:
  struct Running;
  std::shared_ptr<Running> running_;
  std::chrono::milliseconds end_limit_;

 public:
  caf::actor_system& system;
};

/// Waits for a coordinator's last message, which holds the job's outcome, or for its failure.
template <class Finished, class Outcome, class Coordinator>
Outcome wait_for_outcome(caf::scoped_actor& listener, const Coordinator& coordinator) {
  listener->monitor(coordinator);
  Outcome outcome;
  listener->receive([&](const Finished& finished) { outcome = *finished.outcome; },
                    [&](const caf::down_msg& down) {
                      outcome.error = from_caf_error(down.reason, "coordinator");
                    });
  return outcome;
}

}  // namespace midpo
