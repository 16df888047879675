// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Gradient of out = silu(gate) * up. fp32 arithmetic, rounded once.
struct SiluMulBackwardArgs {
  const void* gate_up = nullptr;   ///< [rows, 2 dim] of dtype
  const void* grad_out = nullptr;  ///< [rows, dim] of dtype
  void* grad_gate_up = nullptr;    ///< [rows, 2 dim] of dtype; may be gate_up itself
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  DType dtype = DType::kFloat32;
};

void silu_mul_backward_cpu(const SiluMulBackwardArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
