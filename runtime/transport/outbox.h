// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/core/posix_file.h"
#include "runtime/transport/envelope.h"

namespace midpo {

struct Outgoing {
  std::string peer;  ///< empty where there is one only
  std::vector<Frame> wire;
};

/// What any thread wants sent and one I/O thread sends. Never blocks: a full box refuses.
class Outbox {
 public:
  explicit Outbox(std::size_t limit);

  /// @return false if it was full or closed.
  bool push(Outgoing message);

  /// All of it, in order; the wake-up is taken back.
  std::deque<Outgoing> take();

  /// Nothing more comes.
  void close();
  bool is_closed() const { return is_closed_; }

  /// Readable when there is something to take, or when it was closed.
  int wake_descriptor() const { return wake_.get(); }

 private:
  void wake();

  std::size_t limit_;
  FileDescriptor wake_;
  std::mutex mutex_;
  std::deque<Outgoing> messages_;
  std::atomic<bool> is_closed_{false};
};

}  // namespace midpo
