// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/fault_plan.h"

namespace midpo {
namespace {

constexpr std::uint64_t kReorderMicroseconds = 50'000;

}  // namespace

bool FaultPlan::happens(double share) {
  // Not std::bernoulli_distribution: its draws differ between standard libraries.
  constexpr double kSpan = 1.0 / static_cast<double>(std::uint64_t{1} << 53);
  return static_cast<double>(random_() >> 11) * kSpan < share;
}

std::vector<FaultPlan::Delivery> FaultPlan::next() {
  if (happens(rates_.drop)) return {};
  std::vector<Delivery> copies(happens(rates_.doubled) ? 2 : 1);
  for (Delivery& copy : copies) {
    if (happens(rates_.reordered))
      copy.delay += std::chrono::microseconds(below(kReorderMicroseconds));
    if (happens(rates_.delayed)) {
      const auto limit = std::chrono::microseconds(rates_.max_delay).count();
      copy.delay += std::chrono::microseconds(below(static_cast<std::uint64_t>(limit) + 1));
    }
    if (happens(rates_.corrupt)) copy.flipped_bit = random_();
  }
  return copies;
}

void flip_bit(std::vector<Frame>& wire, std::uint64_t bit) {
  std::uint64_t num_bits = 0;
  for (const Frame& frame : wire) num_bits += 8 * frame.size();
  if (num_bits == 0) return;
  bit %= num_bits;
  for (Frame& frame : wire) {
    if (bit < 8 * frame.size()) {
      frame[bit / 8] ^= std::byte{1} << (bit % 8);
      return;
    }
    bit -= 8 * frame.size();
  }
}

}  // namespace midpo
