// SPDX-License-Identifier: Apache-2.0
#include "actors/actor_threads.h"

namespace midpo {

struct ActorThreads::Membership {
  std::shared_ptr<ActorThreads> threads;

  ~Membership() {
    if (!threads) return;
    {
      const std::lock_guard lock(threads->mutex_);
      --threads->num_running_;
    }
    threads->changed_.notify_all();
  }
};

void ActorThreads::count_this_thread(const std::shared_ptr<ActorThreads>& threads) {
  static thread_local Membership membership;
  if (membership.threads) return;
  membership.threads = threads;
  const std::lock_guard lock(threads->mutex_);
  ++threads->num_running_;
}

bool ActorThreads::wait_for_end(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return num_running_ == 0; });
}

}  // namespace midpo
