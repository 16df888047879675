// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace midpo {

/// Rows [begin, begin + count) of a cache.
struct RowRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

/// Hands out ranges of a fixed number of rows: of the free ones that fit the smallest, so that long
/// ones stay whole. Neighbours that are both free become one again.
class RowAllocator {
 public:
  explicit RowAllocator(std::int64_t num_rows);

  /// nullopt where no free range is long enough. @param count  at least 1.
  std::optional<RowRange> take(std::int64_t count);

  /// Gives back a range that take() returned, once.
  void give_back(RowRange range);

  std::int64_t num_free() const { return num_free_; }

 private:
  std::map<std::int64_t, std::int64_t> free_;  ///< begin -> count
  std::int64_t num_free_ = 0;
};

}  // namespace midpo
