// SPDX-License-Identifier: Apache-2.0
// Tensors as the pointers that kernels take.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

namespace midpo {

inline const float* float_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

inline float* mutable_float_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.mutable_data_ptr<float>() : nullptr;
}

/// Address of a row of a matrix with contiguous rows.
inline void* row_pointer(const at::Tensor& matrix, std::int64_t row) {
  auto* bytes = static_cast<std::byte*>(matrix.mutable_data_ptr());
  return bytes + row * matrix.stride(0) * static_cast<std::int64_t>(matrix.element_size());
}

}  // namespace midpo
