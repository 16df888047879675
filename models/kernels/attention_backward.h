// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/attention.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Gradients of AttentionArgs' operation. Probabilities are computed again from q, k and log_sums.
/// A prefix's keys and values get the sum over all segments that see them, in the order of
/// segments.
struct AttentionBackwardArgs {
  const void* q = nullptr;  ///< as in AttentionArgs
  const void* k = nullptr;
  const void* v = nullptr;
  std::int64_t q_head_stride = 0;   ///< of q and grad_q, elements
  std::int64_t kv_head_stride = 0;  ///< of k, v, grad_k and grad_v, elements
  const void* out = nullptr;        ///< [query rows, num_heads, head_dim], of the forward pass
  const void* grad_out = nullptr;   ///< the same shape, of dtype
  /// [num_heads, log_sum_stride]: AttentionArgs::log_sums of the forward pass
  const float* log_sums = nullptr;
  std::int64_t log_sum_stride = 0;
  float* grad_q = nullptr;  ///< layout of q; written
  float* grad_k = nullptr;  ///< layout of k; added to
  float* grad_v = nullptr;
  const AttentionSegment* segments = nullptr;
  std::int64_t num_segments = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  /// Only kv heads [first_kv_head, end_kv_head) and the query heads that read them; an end of 0
  /// means all. Calls with disjoint ranges may run at once.
  std::int64_t first_kv_head = 0;
  std::int64_t end_kv_head = 0;
  std::int64_t head_dim = 0;
  float scale = 0.0F;
  DType dtype = DType::kFloat32;
};

void attention_backward_cpu(const AttentionBackwardArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
