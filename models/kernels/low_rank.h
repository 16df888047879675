// SPDX-License-Identifier: Apache-2.0
// The products of LoRA: a wide matrix of activations, a narrow one of a few ranks, and the factors
// between them.
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Three matrices of which one is the result. All arithmetic is fp32; a result of dtype is rounded
/// once. Each row of `wide` and `narrow` depends on that row only.
struct LowRankArgs {
  void* wide = nullptr;          ///< [rows, width] of dtype
  std::int64_t wide_stride = 0;  ///< elements from one row to the next
  float* narrow = nullptr;       ///< [rows, ranks]
  float* factors = nullptr;      ///< [ranks, width]
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::int64_t ranks = 0;
  DType dtype = DType::kFloat32;
};

/// narrow = wide factors^T
void low_rank_reduce_cpu(const LowRankArgs& args, CpuIsa isa = best_cpu_isa());

/// wide += narrow factors
void low_rank_expand_cpu(const LowRankArgs& args, CpuIsa isa = best_cpu_isa());

/// factors = narrow^T wide, summed in the order of the rows
void low_rank_gradient_cpu(const LowRankArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
