// SPDX-License-Identifier: Apache-2.0
#include "models/training/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/mv.h>

namespace midpo {

FactoredGate::FactoredGate(ParameterSet& parameters, const std::string& name,
                           const std::array<at::Tensor, 3>& weights,
                           const std::array<at::Tensor, 3>& biases) {
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string module = name + "." + std::to_string(i);
    weights_[i] = i == 2 ? parameters.add(module + ".weight", weights[i], false)
                         : parameters.add_outer(module + ".weight", weights[i]);
    biases_[i] = parameters.add(module + ".bias", biases[i], false);
  }
  slot_ = parameters.add_gradient_slot(weights[2].numel() + 1);
}

void FactoredGate::collapse(const ParameterSet& parameters) {
  at::Tensor w3_I = parameters.value(weights_[2]).reshape({-1});
  head_G_ = at::mv(parameters.value(weights_[1]).t(), w3_I);
  weight_I_ = at::mv(parameters.value(weights_[0]).t(), head_G_);
  bias_ =
      (at::dot(head_G_, parameters.value(biases_[0])) + at::dot(w3_I, parameters.value(biases_[1])))
          .add(parameters.value(biases_[2]));
}

at::Tensor FactoredGate::gradient(const ParameterSet& parameters) const {
  return parameters.gradient(slot_);
}

void FactoredGate::expand_gradient(ParameterSet& parameters) const {
  at::Tensor gradient = parameters.gradient(slot_);
  std::int64_t inputs = gradient.numel() - 1;
  at::Tensor grad_w_I = gradient.narrow(0, 0, inputs);
  at::Tensor grad_b = gradient.narrow(0, inputs, 1);
  at::Tensor w3_I = parameters.value(weights_[2]).reshape({-1});
  at::Tensor grad_head_G =
      at::mv(parameters.value(weights_[0]), grad_w_I).add_(parameters.value(biases_[0]) * grad_b);
  parameters.set_outer_gradient(weights_[0], head_G_.clone(), grad_w_I.clone());
  parameters.set_outer_gradient(weights_[1], w3_I.clone(), grad_head_G);
  parameters.gradient(biases_[0]).add_(head_G_ * grad_b);
  parameters.gradient(biases_[1]).add_(w3_I * grad_b);
  parameters.gradient(biases_[2]).add_(grad_b);
  parameters.gradient(weights_[2])
      .reshape({-1})
      .add_(at::mv(parameters.value(weights_[1]), grad_head_G))
      .add_(parameters.value(biases_[1]) * grad_b);
}

}  // namespace midpo
