// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "runtime/transport/envelope.h"

namespace midpo {

/// Shares of messages, 0 to 1, each drawn by itself.
struct FaultRates {
  double drop = 0.0;
  double doubled = 0.0;
  double corrupt = 0.0;    ///< one bit flipped
  double reordered = 0.0;  ///< later by up to 50 ms, so that others overtake it
  double delayed = 0.0;    ///< later by up to max_delay
  std::chrono::milliseconds max_delay{2000};
};

/// What a bad network does to each message, from a seed: the same seed, the same faults. For
/// simulation and chaos tests, between encode() and decode().
class FaultPlan {
 public:
  struct Delivery {
    std::chrono::microseconds delay{0};
    std::optional<std::uint64_t> flipped_bit;  ///< modulo the size of the message
  };

  FaultPlan(const FaultRates& rates, std::uint64_t seed) : rates_(rates), random_(seed) {}

  /// The copies of the next message that arrive: none, one or two.
  std::vector<Delivery> next();

  void set_rates(const FaultRates& rates) { rates_ = rates; }

 private:
  bool happens(double share);
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  FaultRates rates_;
  std::mt19937_64 random_;
};

/// Flips one bit of a message on the wire, counted over all frames.
void flip_bit(std::vector<Frame>& wire, std::uint64_t bit);

}  // namespace midpo
