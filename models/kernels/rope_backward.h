// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Gradient of RopeArgs' operation: gradients of q, k and v by heads to the gradient of the fused
/// projection, through the rotation and, where the model has one, the RMSNorm over each head.
struct RopeBackwardArgs {
  const float* grad_q = nullptr;            ///< [num_heads, (rows), head_dim]
  const float* grad_k = nullptr;            ///< [num_kv_heads, (rows), head_dim]
  const float* grad_v = nullptr;            ///< [num_kv_heads, (rows), head_dim]
  std::int64_t q_head_stride = 0;           ///< elements from one head of grad_q to the next
  std::int64_t kv_head_stride = 0;          ///< the same of grad_k and grad_v
  const std::int32_t* positions = nullptr;  ///< [rows]
  const float* cos_sin = nullptr;           ///< [positions, head_dim]: half cosines, half sines
  const void* qkv = nullptr;      ///< what the projection gave; read only where there is a norm
  const float* q_norm = nullptr;  ///< [head_dim], or null
  const float* k_norm = nullptr;  ///< [head_dim], or null
  /// [rows, (num_heads + 2 * num_kv_heads) * head_dim] of dtype; num_heads or num_kv_heads may be 0
  void* grad_qkv = nullptr;
  float* grad_q_norm = nullptr;  ///< [head_dim], updated with sums over rows and heads; or null
  float* grad_k_norm = nullptr;  ///< the same
  std::int64_t rows = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  float eps = 0.0F;
  DType dtype = DType::kFloat32;
};

void rope_backward_cpu(const RopeBackwardArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
