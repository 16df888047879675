// SPDX-License-Identifier: Apache-2.0
// The router's gates while they are trained. Dimensions: I intermediate, G gate width.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>

#include "models/training/parameters.h"

namespace midpo {

/// A gate's three affine maps I -> G -> I -> 1, without non-linearity between them: one affine map,
/// w = W3 W2 W1 and b = W3 (W2 b1 + b2) + b3. It is collapsed once per optimizer step, and the
/// gradients of w and b flow through the collapse to all factors; those of W1 and W2 are outer
/// products (docs/method.md).
class FactoredGate {
 public:
  /// @param initial weights [G,I], [I,G], [1,I] and biases [G], [I], [1], fp32.
  FactoredGate(ParameterSet& parameters, const std::string& name,
               const std::array<at::Tensor, 3>& weights, const std::array<at::Tensor, 3>& biases);

  /// Computes w and b from the factors' present values.
  void collapse(const ParameterSet& parameters);

  const at::Tensor& weight_I() const { return weight_I_; }
  const at::Tensor& bias() const { return bias_; }  ///< [1]

  /// [I + 1]: where the gradients of w, then b, are summed.
  at::Tensor gradient(const ParameterSet& parameters) const;

  /// From gradient() to the factors' gradients; call once, before the optimizer step.
  void expand_gradient(ParameterSet& parameters) const;

 private:
  std::array<ParameterSet::Handle, 3> weights_{}, biases_{};
  ParameterSet::Handle slot_ = 0;
  at::Tensor weight_I_, bias_;
  at::Tensor head_G_;  ///< W3 W2
};

}  // namespace midpo
