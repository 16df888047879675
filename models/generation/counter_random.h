// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace midpo {

/// Names one draw: equal names give equal numbers, whatever was drawn before.
struct DrawName {
  std::uint64_t seed = 0;
  std::uint64_t request = 0;
  std::uint64_t sample = 0;
  std::uint64_t step = 0;
};

/// A number of [0, 1), multiple of 2^-53: each field of the name in turn through the finaliser of
/// SplitMix64 (Steele, Lea, Flood 2014).
inline double uniform_draw(const DrawName& name) {
  std::uint64_t state = 0;
  for (std::uint64_t word : {name.seed, name.request, name.sample, name.step}) {
    state += word + 0x9e3779b97f4a7c15U;
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9U;
    state = (state ^ (state >> 27)) * 0x94d049bb133111ebU;
    state ^= state >> 31;
  }
  return static_cast<double>(state >> 11) * 0x1.0p-53;
}

}  // namespace midpo
