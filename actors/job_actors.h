// SPDX-License-Identifier: Apache-2.0
// The actor system of one job, and waiting for its end.
#pragma once

#include <caf/all.hpp>

#include "actors/error_boundary.h"

namespace midpo {

struct JobActors {
  /// @param num_threads  for actors that are not detached.
  explicit JobActors(std::size_t num_threads = 2) : config(num_threads) {}

  ~JobActors() {
    system.await_all_actors_done();
    config.threads->wait_for_end(std::chrono::seconds(10));
  }
  JobActors(const JobActors&) = delete;
  JobActors& operator=(const JobActors&) = delete;

  struct Config : JobActorsConfig {
    explicit Config(std::size_t num_threads) {
      set("scheduler.max-threads", num_threads);
      // Idle workers wait for work instead of polling for it: the cores belong to the models.
      set("scheduler.policy", caf::atom("sharing"));
    }
  };
  Config config;
  caf::actor_system system{config};
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
