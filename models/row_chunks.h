// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace midpo {

inline std::int64_t round_up(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

inline std::int64_t divide_up(std::int64_t count, std::int64_t divisor) {
  return (count + divisor - 1) / divisor;
}

/// Rows [begin, begin + rows) of a matrix, computed as `padded_rows` rows.
struct RowChunk {
  std::int64_t begin = 0;
  std::int64_t rows = 0;
  std::int64_t padded_rows = 0;
};

/// Divides rows into chunks of nearly equal size: multiples of `multiple`, at most `max_rows`.
inline std::vector<RowChunk> row_chunks(std::int64_t num_rows, std::int64_t max_rows,
                                        std::int64_t multiple) {
  std::vector<RowChunk> chunks;
  if (num_rows == 0) return chunks;
  std::int64_t num_chunks = divide_up(num_rows, max_rows);
  std::int64_t size = round_up(divide_up(num_rows, num_chunks), multiple);
  for (std::int64_t begin = 0; begin < num_rows; begin += size) {
    std::int64_t rows = std::min(size, num_rows - begin);
    chunks.push_back({begin, rows, round_up(rows, multiple)});
  }
  return chunks;
}

}  // namespace midpo
