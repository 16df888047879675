// SPDX-License-Identifier: Apache-2.0
// A projection in training: y = x W^T + b + s (x A^T) B^T, forwards and backwards.
// Dimensions: M rows of a chunk, T rows in all, K inputs, N outputs, R LoRA rank.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "models/backend.h"
#include "models/frozen_linear.h"
#include "models/training/parameters.h"

namespace midpo {

/// A trained adapter on outputs [offset, offset + num_outputs) of a fused projection.
struct TrainedUpdate {
  std::int64_t offset = 0;
  double scale = 0.0;
  ParameterSet::Handle a_RK = 0;
  ParameterSet::Handle b_NR = 0;
};

/// A trained weight that is rows [offset, ...) of a fused projection, and its bias.
struct TrainedWeight {
  std::int64_t offset = 0;
  ParameterSet::Handle weight_NK = 0;
  ParameterSet::Handle bias_N = 0;
  bool has_bias = false;
};

/// One chunk's share of the adapters' gradients; chunks are summed in order, so that bits do not
/// depend on threads.
struct UpdateGradients {
  std::vector<at::Tensor> a_RK, b_NR;  ///< fp32, one entry an adapter
};

class TrainLinear {
 public:
  TrainLinear() = default;

  /// A frozen weight; adapters may be added.
  /// @param transposed the transposed weight; empty where no gradient of x is ever wanted.
  TrainLinear(FrozenLinear forward, FrozenLinear transposed)
      : forward_(std::move(forward)), transposed_(std::move(transposed)) {}
  /// A trained weight: its parts are added, refresh() takes their values.
  /// @param needs_input_gradient whether backward() is called for more than its own gradients.
  TrainLinear(at::ScalarType type, bool needs_input_gradient)
      : type_(type), needs_input_gradient_(needs_input_gradient) {}

  void add_update(const TrainedUpdate& update) { updates_.push_back(update); }
  void add_weight(const TrainedWeight& weight) { weights_.push_back(weight); }

  /// Whether forward() adds the adapters; they count by default.
  void enable_updates(bool are_enabled) { are_updates_enabled_ = are_enabled; }

  /// x W^T + b alone.
  at::Tensor product(const at::Tensor& x_MK) const { return forward_(x_MK); }

  /// Takes the trained weights' present values; after every optimizer step.
  void refresh(const ParameterSet& parameters);

  at::Tensor forward(const ParameterSet& parameters, const at::Tensor& x_MK) const;

  /// The transposed weight, for the backward pass of all chunks; empty where it is not wanted. Of
  /// weights trained in float32 it is packed anew: kept for a whole model it would be a third copy.
  FrozenLinear transposed(const ParameterSet& parameters, bool is_wanted) const;

  /// @param x_MK the forward input; may be undefined where needs_input() is false.
  /// @param rows of the chunk that count for gradients; the others are padding.
  /// @param transposed as transposed() gives it; empty: only adapters' gradients are computed.
  /// @return gradient of x, compute dtype, or undefined.
  at::Tensor backward(const ParameterSet& parameters, const at::Tensor& grad_MN,
                      const at::Tensor& x_MK, std::int64_t rows, const FrozenLinear& transposed,
                      UpdateGradients& gradients) const;

  /// Adds the chunks' shares to the parameters' gradients, in order.
  void add_update_gradients(const ParameterSet& parameters,
                            const std::vector<UpdateGradients>& chunks) const;

  /// Adds grad^T x to the trained weights' gradients. @param grad_TN, x_TK all rows of the tile.
  void add_weight_gradients(const ParameterSet& parameters, const at::Tensor& grad_TN,
                            const at::Tensor& x_TK) const;

  bool has_updates() const { return !updates_.empty(); }
  bool has_weights() const { return !weights_.empty(); }
  bool is_trained() const { return has_updates() || has_weights(); }
  std::int64_t num_inputs() const { return forward_.num_inputs(); }
  std::int64_t num_outputs() const { return forward_.num_outputs(); }

 private:
  bool keeps_transposed() const { return weights_.empty() || type_ != at::kFloat; }
  /// The weights' present values in the compute dtype.
  at::Tensor stacked(const ParameterSet& parameters) const;

  FrozenLinear forward_;
  FrozenLinear transposed_;  ///< empty where not needed or not kept
  std::vector<TrainedUpdate> updates_;
  std::vector<TrainedWeight> weights_;
  at::ScalarType type_ = at::kFloat;  ///< of trained weights
  bool needs_input_gradient_ = false;
  bool are_updates_enabled_ = true;
};

}  // namespace midpo
