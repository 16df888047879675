// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// Counters written by one thread and read by others.
class IoCounters {
 public:
  void add(std::uint64_t EndpointCounters::*field, std::uint64_t count = 1) {
    const std::lock_guard lock(mutex_);
    counters_.*field += count;
  }
  EndpointCounters read() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  mutable std::mutex mutex_;
  EndpointCounters counters_;
};

}  // namespace midpo
