// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace midpo {

/// The threads of detached actors. A thread ends some time after its actor: as its last deed the
/// actor cancels its time-outs, in a queue of 64 places that CAF's clock empties. CAF stops that
/// clock without waiting for these threads, so that many of them would wait for ever.
class ActorThreads {
 public:
  /// Counts the calling thread until it ends. Called again, or of another group's: no effect.
  static void count_this_thread(const std::shared_ptr<ActorThreads>& threads);

  /// @return false if some still run behind the limit.
  bool wait_for_end(std::chrono::milliseconds limit);

 private:
  struct Membership;

  std::mutex mutex_;
  std::condition_variable changed_;
  int num_running_ = 0;
};

}  // namespace midpo
