// SPDX-License-Identifier: Apache-2.0
// y = x W^T + b with weights that never change. Dimensions: M rows, K inputs, N outputs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/kernels/small_linear.h"

namespace midpo {

/// What a linear layer is called with. Layers that also decode keep their weight twice on CPUs: in
/// the GEMM library's layout and in that of small_linear.h.
enum class LinearCalls { kBatches, kBatchesAndDecoding };

/// On CPUs the weight is kept in the layout that the GEMM library prefers, packed once. There, from
/// 2 rows on, a row's result is the same bits whatever the other rows are and however many.
class FrozenLinear {
 public:
  FrozenLinear() = default;

  /// @param weight_NK fp32|bf16, consumed: release other references to keep peak memory low.
  /// @param bias_N same dtype, or undefined.
  FrozenLinear(at::Tensor weight_NK, at::Tensor bias_N, LinearCalls use = LinearCalls::kBatches);

  /// @param x_MK same dtype and device as the weight, contiguous.
  at::Tensor operator()(const at::Tensor& x_MK) const;

  /// The same for few rows (1 to about 16), where reading the weight takes the time; on CPUs by the
  /// calling thread's share of threads. A row's result is the same bits whatever the other rows are
  /// and however many, 1 included, but may differ from operator()'s by rounding. Without
  /// kBatchesAndDecoding, and on accelerators, it is operator().
  at::Tensor decode(const at::Tensor& x_MK) const;

  /// What decode() reads of a weight. @param weight_NK on the CPU, with an even number of inputs.
  static at::Tensor decoding_layout(const at::Tensor& weight_NK);

  /// Whether decode() has a layout of its own here, once it is given.
  bool can_decode() const { return weight_.device().is_cpu() && num_inputs_ % 2 == 0; }
  /// @param layout decoding_layout() of the same weight.
  void add_decoding_layout(at::Tensor layout);

  /// Whether weights of this dtype and device are packed: any other layout is then a copy.
  static bool is_packed_on(at::Device device, at::ScalarType type);

  /// x W for the same W, without a copy of it; only where it is not packed.
  FrozenLinear transposed() const { return {weight_.t(), at::Tensor()}; }
  bool is_packed() const { return is_packed_; }

  bool is_empty() const { return !weight_.defined(); }

  /// Whether a copy of this has the same weights.
  bool is_shared() const { return weight_.use_count() > 1; }

  std::int64_t num_inputs() const { return num_inputs_; }
  std::int64_t num_outputs() const { return num_outputs_; }

 private:
  at::Tensor weight_;           ///< packed (opaque) or [N, K]
  at::Tensor decoding_weight_;  ///< bytes, packed by pack_small_linear(), or undefined
  SmallLinearShape decoding_shape_;
  at::Tensor bias_;
  std::int64_t num_inputs_ = 0;
  std::int64_t num_outputs_ = 0;
  bool is_packed_ = false;
};

}  // namespace midpo
