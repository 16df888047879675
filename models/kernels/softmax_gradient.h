// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "models/dtype.h"
#include "models/kernels/cpu_isa.h"

namespace midpo {

/// Log-probability of one token per row, and its gradient in place of the logits:
/// log_probs[i] = logits[i][token[i]] - log(sum exp logits[i]),
/// logits[i][v] <- weight[i] * ((v == token[i]) - softmax(logits[i])[v]).
struct SoftmaxGradientArgs {
  void* logits = nullptr;                ///< [rows, vocab] of dtype, overwritten
  const std::int32_t* tokens = nullptr;  ///< [rows]
  const float* weights = nullptr;        ///< [rows], or null: 1
  float* log_probs = nullptr;            ///< [rows], nats, fp32
  std::int64_t rows = 0;
  std::int64_t vocab = 0;
  DType dtype = DType::kFloat32;
};

void softmax_gradient_cpu(const SoftmaxGradientArgs& args, CpuIsa isa = best_cpu_isa());

}  // namespace midpo
