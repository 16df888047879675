// SPDX-License-Identifier: Apache-2.0
#include "models/spin_team.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>

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

using Task = std::function<void(int)>;

/// One member gives the others a task at a time, and takes part.
class SpinTeam {
 public:
  void set_size(int size) { size_ = size; }
  int size() const { return size_; }

  /// task(0) on this thread, task(1) ... task(size - 1) on the others.
  void run(const Task& task) {
    begin(&task);
    attempt(task, 0);
    for (int busy = size_ - 1; busy > 0;) busy = wait_for_change(num_busy_, busy);
    if (error_) std::rethrow_exception(error_);
  }

  /// What the others do until dismiss().
  void serve(int member) {
    for (std::uint32_t round = 0;; ++round) {
      wait_for_change(round_, round);
      if (task_ == nullptr) return;
      attempt(*task_, member);
      num_busy_.fetch_sub(1, std::memory_order_release);
      num_busy_.notify_one();
    }
  }

  void dismiss() { begin(nullptr); }

 private:
  void begin(const Task* task) {
    task_ = task;
    num_busy_.store(size_ - 1, std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

  void attempt(const Task& task, int member) {
    try {
      task(member);
    } catch (...) {
      if (!has_failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  int size_ = 1;
  const Task* task_ = nullptr;
  std::exception_ptr error_;
  std::atomic<bool> has_failed_{false};
  alignas(64) std::atomic<std::uint32_t> round_{0};
  alignas(64) std::atomic<int> num_busy_{0};
};

thread_local SpinTeam* current_team = nullptr;

/// body() as the member who gives the tasks.
void lead(SpinTeam& team, const std::function<void()>& body, std::exception_ptr& error) {
  current_team = &team;
  try {
    body();
  } catch (...) {
    error = std::current_exception();
  }
  current_team = nullptr;
  team.dismiss();
}

}  // namespace

void with_spin_team(const std::function<void()>& body) {
  const int num_threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  if (num_threads == 1) return body();
  SpinTeam team;
  std::exception_ptr error;
#pragma omp parallel num_threads(num_threads)
  {
#pragma omp single
    team.set_size(omp_get_num_threads());
    // The construct above ends with a barrier: all know the size.
    if (omp_get_thread_num() == 0) {
      lead(team, body, error);
    } else {
      team.serve(omp_get_thread_num());
    }
  }
  if (error) std::rethrow_exception(error);
}

void spin_share(std::int64_t count, std::int64_t grain,
                const std::function<void(std::int64_t, std::int64_t)>& body) {
  SpinTeam* team = current_team;
  if (team == nullptr) return at::parallel_for(0, count, grain, body);
  const std::int64_t parts = std::min<std::int64_t>(team->size(), count / grain);
  if (parts <= 1) return body(0, count);
  team->run([&](int member) {
    if (member < parts) body(count * member / parts, count * (member + 1) / parts);
  });
}

bool has_spin_team() { return current_team != nullptr; }

}  // namespace midpo
