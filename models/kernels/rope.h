// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Takes the fused projection apart, by heads (attention reads one head at a time): rotates q and k
/// by their positions (after RMSNorm over each head where the model has one), copies v. Rotation
/// pairs element i with i + head_dim / 2, as Hugging Face lays weights out. fp32 arithmetic,
/// rounded once.
struct RopeArgs {
  /// [rows, (num_heads + 2 * num_kv_heads) * head_dim]: q, k, v. num_heads or num_kv_heads may be
  /// 0 where only the others were projected.
  const void* qkv = nullptr;
  const std::int32_t* positions = nullptr;  ///< [rows]
  const float* cos_sin = nullptr;           ///< [positions, head_dim]: half cosines, half sines
  const float* q_norm = nullptr;            ///< [head_dim], or null
  const float* k_norm = nullptr;            ///< [head_dim], or null
  void* q = nullptr;                        ///< [num_heads, (rows), head_dim]
  void* k = nullptr;                        ///< [num_kv_heads, (rows), head_dim]
  void* v = nullptr;                        ///< [num_kv_heads, (rows), head_dim]
  /// [rows]: where each row goes in k and v (a cache), or null: as they come
  const std::int64_t* kv_rows = nullptr;
  std::int64_t q_head_stride = 0;   ///< elements from one head of q to the next
  std::int64_t kv_head_stride = 0;  ///< the same of k and v
  std::int64_t rows = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;  ///< even
  float eps = 0.0F;           ///< of q_norm and k_norm
  DType dtype = DType::kFloat32;
};

void rope_cpu(const RopeArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
