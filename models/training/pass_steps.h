// SPDX-License-Identifier: Apache-2.0
// Kernel calls on rows of matrices, shared by the two halves of a training pass.
#pragma once

#include <ATen/core/Tensor.h>

#include "models/backend.h"
#include "models/row_chunks.h"
#include "models/tensor_rows.h"
#include "models/training/train_decoder.h"

namespace midpo {

inline at::Tensor rows_of(const at::Tensor& all, const RowChunk& chunk) {
  return all.narrow(0, chunk.begin, chunk.padded_rows);
}

inline DType dtype_of(at::ScalarType type) {
  return type == at::kFloat ? DType::kFloat32 : DType::kBFloat16;
}

/// residual += delta for the chunk's rows, then out = norm(residual); out may be undefined.
inline void add_and_normalize(const Backend& backend, const TrainDecoder& decoder,
                              const at::Tensor& residual, const RowChunk& chunk,
                              const at::Tensor& delta_ME, const at::Tensor& weight_E,
                              const at::Tensor& out_ME) {
  RmsNormArgs args;
  args.residual = static_cast<float*>(row_pointer(residual, chunk.begin));
  args.delta = delta_ME.const_data_ptr();
  args.weight = float_or_null(weight_E);
  args.out = out_ME.defined() ? out_ME.mutable_data_ptr() : nullptr;
  args.rows = chunk.rows;
  args.dim = decoder.config.hidden_size;
  args.eps = static_cast<float>(decoder.config.rms_norm_eps);
  args.dtype = dtype_of(decoder.type);
  backend.rms_norm(args);
}

/// out = norm(residual) for the chunk's rows.
inline void run_norm(const Backend& backend, const TrainDecoder& decoder,
                     const at::Tensor& residual, const RowChunk& chunk, const at::Tensor& weight_E,
                     void* out) {
  RmsNormArgs args;
  args.residual = static_cast<float*>(row_pointer(residual, chunk.begin));
  args.weight = weight_E.const_data_ptr<float>();
  args.out = out;
  args.rows = chunk.rows;
  args.dim = decoder.config.hidden_size;
  args.eps = static_cast<float>(decoder.config.rms_norm_eps);
  args.dtype = dtype_of(decoder.type);
  backend.rms_norm(args);
}

/// The gradient of silu(gate) * up by both.
inline void run_silu_mul_backward(const Backend& backend, const TrainDecoder& decoder,
                                  const at::Tensor& gate_up, const at::Tensor& grad_h_MI,
                                  std::int64_t rows, void* grad_gate_up) {
  SiluMulBackwardArgs args;
  args.gate_up = gate_up.const_data_ptr();
  args.grad_out = grad_h_MI.const_data_ptr();
  args.grad_gate_up = grad_gate_up;
  args.rows = rows;
  args.dim = decoder.config.intermediate_size;
  args.dtype = dtype_of(decoder.type);
  backend.silu_mul_backward(args);
}

}  // namespace midpo
