// SPDX-License-Identifier: Apache-2.0
// What the ranks of a group know of each other: signs of life, calls made, failures.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/core/collective.h"

namespace midpo {

/// What a rank says of itself, again and again.
struct RankSign {
  std::uint64_t beat = 0;   ///< grows while its process runs
  std::uint64_t calls = 0;  ///< calls of the group that it has come to
  std::string failure;      ///< why it cannot go on; empty: it can

  std::string to_bytes() const;
  /// @throws Error(kTransport) for bytes that are none.
  static RankSign from_bytes(const std::string& bytes);
};

struct RankLimits {
  std::chrono::milliseconds silence{5000};     ///< without a sign of life
  std::chrono::milliseconds deadline{600000};  ///< alive, but not at the call others wait in
};

/// Judges the signs by this rank's own clock alone. Thread-safe. Time is an argument, so that tests
/// need none.
class RankBoard {
 public:
  using Clock = std::chrono::steady_clock;

  RankBoard(int rank, int size, RankLimits limits, Clock::time_point now);

  /// Signs of all ranks, read from rank 0's board at this moment.
  void note(const std::vector<RankSign>& signs, Clock::time_point now);
  /// Rank 0 has closed its board.
  void note_closed();

  /// Why waiting in call number `calls` since `start` is in vain; empty: it is not.
  std::string problem(std::uint64_t calls, Clock::time_point start, Patience patience,
                      Clock::time_point now) const;
  /// Who has failed or is silent, apart from any call.
  std::string problem(Clock::time_point now) const;

 private:
  std::string failed_or_silent(Clock::time_point now) const;
  std::string late(std::uint64_t calls, Clock::time_point start, Clock::time_point now) const;

  struct Peer {
    RankSign sign;
    Clock::time_point changed;
  };
  const int rank_;
  const RankLimits limits_;
  mutable std::mutex mutex_;
  std::vector<Peer> peers_;
  Clock::time_point noted_;
};

/// "2.5 s"
std::string seconds_text(RankBoard::Clock::duration duration);

}  // namespace midpo
