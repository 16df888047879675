// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/row_shares.h"

#include <algorithm>
#include <numeric>

namespace midpo {

std::vector<std::vector<std::size_t>> share_rows(std::span<const std::int64_t> tokens,
                                                 std::size_t num_ranks) {
  std::vector<std::size_t> longest_first(tokens.size());
  std::iota(longest_first.begin(), longest_first.end(), std::size_t{0});
  std::ranges::stable_sort(longest_first, std::greater<>(),
                           [&](std::size_t i) { return tokens[i]; });
  std::vector<std::vector<std::size_t>> shares(num_ranks);
  std::vector<std::int64_t> loads(num_ranks);
  for (const std::size_t row : longest_first) {
    const auto least = static_cast<std::size_t>(std::ranges::min_element(loads) - loads.begin());
    shares[least].push_back(row);
    loads[least] += tokens[row];
  }
  for (std::vector<std::size_t>& share : shares) std::ranges::sort(share);
  return shares;
}

}  // namespace midpo
