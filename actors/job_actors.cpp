// SPDX-License-Identifier: Apache-2.0
#include "actors/job_actors.h"

#include <thread>

#include "actors/left_behind.h"

namespace midpo {
namespace {

constexpr std::chrono::milliseconds kLook{1};
constexpr std::chrono::seconds kThreadsLimit{10};

struct Config : JobActorsConfig {
  explicit Config(std::size_t num_threads) {
    set("scheduler.max-threads", num_threads);
    // Idle workers wait for work instead of polling for it: the cores belong to the models.
    set("scheduler.policy", caf::atom("sharing"));
  }
};

/// CAF's own waiting has no deadline.
bool have_ended(caf::actor_system& system, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (system.registry().running() > 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

struct JobActors::Running {
  explicit Running(std::size_t num_threads) : config(num_threads) {}

  Config config;
  caf::actor_system system{config};
};

JobActors::JobActors(std::size_t num_threads, std::chrono::milliseconds end_limit)
    : running_(std::make_shared<Running>(num_threads)),
      end_limit_(end_limit),
      system(running_->system) {}

JobActors::~JobActors() {
  if (have_ended(system, end_limit_)) {
    running_->config.threads->wait_for_end(kThreadsLimit);
  } else {
    leave_behind(running_);
  }
}

}  // namespace midpo
