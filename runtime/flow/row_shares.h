// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace midpo {

/// Divides a batch among ranks, by its rows' tokens alone: the longest rows first, each to the rank
/// that has the fewest tokens so far. Rows stay whole, and every share keeps the batch's order.
/// @return [rank] row numbers, possibly none.
std::vector<std::vector<std::size_t>> share_rows(std::span<const std::int64_t> tokens,
                                                 std::size_t num_ranks);

}  // namespace midpo
