// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Gradient of y = x / rms(x) * weight, added to the gradient of the residual stream, row by row:
/// with n = x / rms(x) and g = grad_out * weight, grad += (g - n * mean(g n)) / rms(x).
struct RmsNormBackwardArgs {
  const float* residual = nullptr;  ///< [rows, dim], x
  const float* weight = nullptr;    ///< [dim]
  const void* grad_out = nullptr;   ///< [rows, dim] of dtype
  float* grad_residual = nullptr;   ///< [rows, dim], updated
  void* rounded_grad = nullptr;     ///< [rows, dim] of dtype: the updated gradient; or null
  float* grad_weight = nullptr;     ///< [dim], updated with the sum over rows in order; or null
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  float eps = 0.0F;
  DType dtype = DType::kFloat32;
};

void rms_norm_backward_cpu(const RmsNormBackwardArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
