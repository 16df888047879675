// SPDX-License-Identifier: Apache-2.0
#include "models/training/train_linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include <utility>

namespace midpo {

TrainLinear::TrainLinear(at::Tensor weight_NK, at::Tensor bias_N, bool needs_input_gradient)
    : type_(weight_NK.scalar_type()),
      num_inputs_(weight_NK.size(1)),
      num_outputs_(weight_NK.size(0)),
      needs_input_gradient_(needs_input_gradient),
      has_bias_(bias_N.defined()) {
  pack(std::move(weight_NK), std::move(bias_N));
}

void TrainLinear::pack(at::Tensor weight_NK, at::Tensor bias_N) {
  if (needs_input_gradient_) backward_ = FrozenLinear(weight_NK.t().contiguous(), at::Tensor());
  forward_ = FrozenLinear(std::move(weight_NK), std::move(bias_N));
}

void TrainLinear::refresh(const ParameterSet& parameters) {
  if (weights_.empty()) return;
  std::vector<at::Tensor> rows, biases;
  for (const TrainedWeight& part : weights_) {
    rows.push_back(parameters.value(part.weight_NK));
    if (part.has_bias) biases.push_back(parameters.value(part.bias_N));
  }
  at::Tensor bias_N = biases.empty() ? at::Tensor() : at::cat(biases).to(type_);
  pack(at::cat(rows).to(type_), std::move(bias_N));
}

at::Tensor TrainLinear::forward(const ParameterSet& parameters, const at::Tensor& x_MK) const {
  at::Tensor y_MN = forward_(x_MK);
  if (updates_.empty() || !are_updates_enabled_) return y_MN;
  at::Tensor exact_MK = x_MK.to(at::kFloat);
  for (const TrainedUpdate& update : updates_) {
    at::Tensor b_NR = parameters.value(update.b_NR);
    at::Tensor reduced_MR = at::mm(exact_MK, parameters.value(update.a_RK).t());
    at::Tensor part_MN = y_MN.narrow(1, update.offset, b_NR.size(0));
    part_MN.copy_(part_MN.to(at::kFloat).addmm_(reduced_MR, b_NR.t(), 1.0, update.scale));
  }
  return y_MN;
}

at::Tensor TrainLinear::backward(const ParameterSet& parameters, const at::Tensor& grad_MN,
                                 const at::Tensor& x_MK, std::int64_t rows,
                                 bool wants_input_gradient, UpdateGradients& gradients) const {
  at::Tensor grad_x_MK = wants_input_gradient ? backward_(grad_MN) : at::Tensor();
  if (updates_.empty()) return grad_x_MK;
  at::Tensor exact_x_MK = x_MK.narrow(0, 0, rows).to(at::kFloat);
  at::Tensor sum_MK;
  if (wants_input_gradient) sum_MK = grad_x_MK.narrow(0, 0, rows).to(at::kFloat);
  for (const TrainedUpdate& update : updates_) {
    at::Tensor a_RK = parameters.value(update.a_RK);
    at::Tensor b_NR = parameters.value(update.b_NR);
    at::Tensor part_MN =
        grad_MN.narrow(0, 0, rows).narrow(1, update.offset, b_NR.size(0)).to(at::kFloat);
    at::Tensor grad_reduced_MR = at::mm(part_MN, b_NR).mul_(update.scale);
    at::Tensor reduced_MR = at::mm(exact_x_MK, a_RK.t()).mul_(update.scale);
    gradients.a_RK.push_back(at::mm(grad_reduced_MR.t(), exact_x_MK));
    gradients.b_NR.push_back(at::mm(part_MN.t(), reduced_MR));
    if (wants_input_gradient) sum_MK.addmm_(grad_reduced_MR, a_RK);
  }
  if (wants_input_gradient) grad_x_MK.narrow(0, 0, rows).copy_(sum_MK);
  return grad_x_MK;
}

void TrainLinear::add_update_gradients(const ParameterSet& parameters,
                                       const std::vector<UpdateGradients>& chunks) const {
  for (std::size_t i = 0; i < updates_.size(); ++i) {
    for (const UpdateGradients& chunk : chunks) {
      parameters.gradient(updates_[i].a_RK).add_(chunk.a_RK[i]);
      parameters.gradient(updates_[i].b_NR).add_(chunk.b_NR[i]);
    }
  }
}

void TrainLinear::add_weight_gradients(const ParameterSet& parameters, const at::Tensor& grad_TN,
                                       const at::Tensor& x_TK) const {
  for (const TrainedWeight& part : weights_) {
    at::Tensor gradient = parameters.gradient(part.weight_NK);
    at::Tensor part_TN = grad_TN.narrow(1, part.offset, gradient.size(0));
    if (type_ == at::kFloat) {
      gradient.addmm_(part_TN.t(), x_TK);
    } else {
      gradient.add_(at::mm(part_TN.t(), x_TK));
    }
    if (part.has_bias) {
      parameters.gradient(part.bias_N).add_(at::sum(part_TN, {0}, false, at::kFloat));
    }
  }
}

}  // namespace midpo
