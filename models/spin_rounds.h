// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>

namespace midpo {

/// Threads that do one small task after the other together. One member, the leader, gives the tasks
/// and takes part; the others wait for them without sleeping, for a while. Whose threads they are
/// is the caller's business.
class SpinRounds {
 public:
  /// What each member does, by its number; the leader is 0.
  using Task = std::function<void(int)>;

  /// @param size  all members, the leader included; known before any of them begins.
  void set_size(int size) { size_ = size; }
  int size() const { return size_; }

  /// The leader: returns when all members are done. @throws the first of what they have thrown.
  void run(const Task& task);
  /// The leader: the others' serve() returns. Nothing may be given behind it.
  void dismiss() { begin(nullptr); }

  /// Every other member, once: takes part in every round until dismiss().
  void serve(int member);

 private:
  void begin(const Task* task);
  void attempt(const Task& task, int member);

  int size_ = 1;
  const Task* task_ = nullptr;  ///< of this round
  std::exception_ptr error_;
  std::atomic<bool> has_failed_{false};
  alignas(64) std::atomic<std::uint32_t> round_{0};
  alignas(64) std::atomic<int> num_busy_{0};
};

}  // namespace midpo
