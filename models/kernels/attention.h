// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// A run of queries with consecutive positions, and the keys they may see: first those of a shared
/// prefix, then the segment's own. The queries are the last ones of the segment: query i has
/// position prefix_length + own_length - num_queries + i and sees all keys up to that position.
struct AttentionSegment {
  std::int64_t query_begin = 0;  ///< row of q and out
  std::int64_t num_queries = 0;
  std::int64_t prefix_begin = 0;  ///< row of k and v
  std::int64_t prefix_length = 0;
  std::int64_t own_begin = 0;  ///< row of k and v
  std::int64_t own_length = 0;
};

/// Prefix and own tokens of the segment that has most, 0 of none.
inline std::int64_t longest_sequence(const AttentionSegment* segments, std::int64_t num_segments) {
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < num_segments; ++i) {
    longest = std::max(longest, segments[i].prefix_length + segments[i].own_length);
  }
  return longest;
}

/// Causal attention with grouped heads: out = softmax(scale * q k^T) v per head, where head h reads
/// kv head h / (num_heads / num_kv_heads). Scores and sums in fp32; probabilities are rounded to
/// dtype before they meet v.
struct AttentionArgs {
  const void* q = nullptr;          ///< [num_heads, (query rows), head_dim]
  const void* k = nullptr;          ///< [num_kv_heads, (rows), head_dim]
  const void* v = nullptr;          ///< [num_kv_heads, (rows), head_dim]
  std::int64_t q_head_stride = 0;   ///< elements from one head of q to the next
  std::int64_t kv_head_stride = 0;  ///< the same of k and v
  void* out = nullptr;              ///< [query rows, num_heads, head_dim]
  /// [num_heads, log_sum_stride], or null: log(sum of exp(scaled scores)) of each query row, nats
  float* log_sums = nullptr;
  std::int64_t log_sum_stride = 0;
  const AttentionSegment* segments = nullptr;
  std::int64_t num_segments = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  /// Only kv heads [first_kv_head, end_kv_head) and the query heads that read them; an end of 0
  /// means all. Calls with disjoint ranges may run at once.
  std::int64_t first_kv_head = 0;
  std::int64_t end_kv_head = 0;
  std::int64_t head_dim = 0;  ///< even
  float scale = 0.0F;
  DType dtype = DType::kFloat32;
};

/// Each output row depends on its own sequence only, bit for bit: neither other segments nor how a
/// sequence is divided into prefix and own tokens, nor which of its queries are asked, change it.
void attention_cpu(const AttentionArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
