// SPDX-License-Identifier: Apache-2.0
#include "models/generation/row_allocator.h"

#include <cassert>
#include <iterator>

namespace midpo {

RowAllocator::RowAllocator(std::int64_t num_rows) : num_free_(num_rows) {
  if (num_rows > 0) free_.emplace(0, num_rows);
}

std::optional<RowRange> RowAllocator::take(std::int64_t count) {
  assert(count > 0);
  auto best = free_.end();
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    if (range->second < count) continue;
    if (best == free_.end() || range->second < best->second) best = range;
  }
  if (best == free_.end()) return std::nullopt;
  const auto [begin, length] = *best;
  free_.erase(best);
  if (length > count) free_.emplace(begin + count, length - count);
  num_free_ -= count;
  return RowRange{begin, count};
}

void RowAllocator::give_back(RowRange range) {
  num_free_ += range.count;
  auto next = free_.lower_bound(range.begin);
  assert(next == free_.end() || range.begin + range.count <= next->first);
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    assert(previous->first + previous->second <= range.begin);
    if (previous->first + previous->second == range.begin) {
      range = {previous->first, previous->second + range.count};
      free_.erase(previous);
    }
  }
  if (next != free_.end() && range.begin + range.count == next->first) {
    range.count += next->second;
    free_.erase(next);
  }
  free_.emplace(range.begin, range.count);
}

}  // namespace midpo
