// SPDX-License-Identifier: Apache-2.0
// LoRA adapters beside frozen projections, unmerged: y = W x + sum over adapters of g s B (A x),
// where g is 1, a fixed weight, or a gate of x (docs/method.md, section Mixture).
// Dimensions: M rows, K inputs, N outputs, R summed ranks, G gates.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/frozen_linear.h"

namespace midpo {

/// How a linear layer is called. A row's bits may differ between the two, but within one they do
/// not depend on the other rows of the call.
enum class LinearUse {
  kBatch,   ///< many rows, padded to the backend's row multiple
  kDecode,  ///< at most kDecodeRows, one token of each sequence: bound by reading the weights
};

/// Rows of a kDecode call at most.
inline constexpr std::int64_t kDecodeRows = 16;

/// A gate of x: sigmoid(weight . x + bias).
struct Gate {
  at::Tensor weight_K;  ///< fp32
  float bias = 0.0F;
};

/// One adapter of an update.
struct LoraPart {
  std::int64_t rank = 0;
  double scale = 0.0;  ///< s, times a fixed weight where there is one
  bool is_gated = false;
  float gate_bias = 0.0F;
};

/// The adapters on the outputs [offset, offset + B's outputs) of a (fused) projection, side by
/// side. A and B are fp32 on any base, and their product is added before the result is rounded, as
/// peft does.
struct LoraUpdate {
  std::int64_t offset = 0;
  std::vector<LoraPart> parts;
  FrozenLinear a;  ///< K -> R + G: the adapters' A, then the vectors of the gates
  FrozenLinear b;  ///< R -> N: the adapters' B

  std::int64_t num_gates() const;

  /// [M, N] fp32.
  at::Tensor operator()(const at::Tensor& x_MK, LinearUse use) const;
};

/// A frozen projection, several stacked ones, and the adapters on them.
struct AdaptedLinear {
  FrozenLinear base;
  std::vector<LoraUpdate> updates;

  at::Tensor operator()(const at::Tensor& x_MK, LinearUse use = LinearUse::kBatch) const;

  /// The gates of x, [M][G], in the order of the parts.
  std::vector<std::vector<float>> gates(const at::Tensor& x_MK) const;
};

}  // namespace midpo
