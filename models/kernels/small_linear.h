// SPDX-License-Identifier: Apache-2.0
// y = x W^T + b for few rows, as generation has them: limited by reading W, which is therefore laid
// out in the order it is read.
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// A weight [num_outputs, num_inputs] in blocks of outputs, which threads share out.
struct SmallLinearShape {
  std::int64_t num_inputs = 0;  ///< even
  std::int64_t num_outputs = 0;
  DType dtype = DType::kFloat32;
  CpuIsa isa = best_cpu_isa();  ///< the layout's; the kernel's as well

  std::int64_t num_blocks() const;
  std::int64_t block_bytes() const;
};

struct SmallLinearArgs {
  const void* x = nullptr;              ///< [rows, num_inputs] of dtype
  const void* packed_weight = nullptr;  ///< num_blocks() * block_bytes()
  const void* bias = nullptr;           ///< [num_outputs] of dtype, or null
  void* y = nullptr;                    ///< [rows, num_outputs] of dtype
  std::int64_t rows = 0;
  std::int64_t first_block = 0;  ///< only blocks [first_block, end_block): disjoint calls may run
  std::int64_t end_block = 0;    ///< at once
};

/// @param weight [num_outputs, num_inputs] of dtype
void pack_small_linear(const SmallLinearShape& shape, const void* weight, void* packed_weight);

/// A row's result does not depend on the other rows nor on how many there are, bit for bit. fp32
/// sums, rounded once.
void small_linear_cpu(const SmallLinearShape& shape, const SmallLinearArgs& args);

}  // namespace midpo
