// SPDX-License-Identifier: Apache-2.0
#include "models/spin_rounds.h"

#include <utility>

namespace midpo {
namespace {

/// Looks before a waiting thread sleeps: about a hundred microseconds.
constexpr int kLooks = 4000;

/// Waits until the value is no longer `old`. @return the new one
template <class T>
T wait_for_change(const std::atomic<T>& value, T old) {
  for (int look = 0; look < kLooks; ++look) {
    const T now = value.load(std::memory_order_acquire);
    if (now != old) return now;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

void SpinRounds::run(const Task& task) {
  begin(&task);
  attempt(task, 0);
  for (int busy = size_ - 1; busy > 0;) busy = wait_for_change(num_busy_, busy);
  if (has_failed_.exchange(false)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void SpinRounds::serve(int member) {
  for (std::uint32_t round = 0;; ++round) {
    wait_for_change(round_, round);
    if (task_ == nullptr) return;
    attempt(*task_, member);
    num_busy_.fetch_sub(1, std::memory_order_release);
    num_busy_.notify_one();
  }
}

void SpinRounds::begin(const Task* task) {
  task_ = task;
  num_busy_.store(size_ - 1, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
}

void SpinRounds::attempt(const Task& task, int member) {
  try {
    task(member);
  } catch (...) {
    if (!has_failed_.exchange(true)) error_ = std::current_exception();
  }
}

}  // namespace midpo
