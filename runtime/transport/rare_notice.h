// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// Says things that a hostile peer could make happen often: each kind once in ten seconds, with the
/// number of those left out.
class RareNotice {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RareNotice(TransportNotice notice) : notice_(std::move(notice)) {}

  void say(const std::string& kind, const std::string& text, Clock::time_point now) {
    Kind& state = kinds_[kind];
    if (!notice_ || now < state.next) {
      ++state.left_out;
      return;
    }
    const std::string more =
        state.left_out == 0 ? "" : " (and " + std::to_string(state.left_out) + " more like it)";
    notice_(text + more);
    state = {now + std::chrono::seconds(10), 0};
  }

 private:
  struct Kind {
    Clock::time_point next;
    std::uint64_t left_out = 0;
  };

  TransportNotice notice_;
  std::map<std::string, Kind> kinds_;
};

}  // namespace midpo
