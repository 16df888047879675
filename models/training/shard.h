// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace midpo {

/// A rank's part of a flat array.
struct Shard {
  std::int64_t begin = 0;
  std::int64_t end = 0;  ///< exclusive

  std::int64_t size() const { return end - begin; }
  /// What both have, possibly nothing.
  Shard overlap(const Shard& other) const {
    const std::int64_t first = std::max(begin, other.begin);
    return {first, std::max(first, std::min(end, other.end))};
  }
};

/// Equal parts in the order of ranks, cut at multiples of 64 values; the last ones may be smaller.
inline Shard shard_of(std::int64_t num_values, int rank, int num_ranks) {
  constexpr std::int64_t kMultiple = 64;
  const std::int64_t units = (num_values + kMultiple - 1) / kMultiple;
  const std::int64_t part = (units + num_ranks - 1) / num_ranks * kMultiple;
  return {std::min(num_values, rank * part), std::min(num_values, (rank + 1) * part)};
}

}  // namespace midpo
