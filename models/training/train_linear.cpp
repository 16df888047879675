// SPDX-License-Identifier: Apache-2.0
#include "models/training/train_linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include <utility>

#include "models/training/low_rank.h"

namespace midpo {

at::Tensor TrainLinear::stacked(const ParameterSet& parameters) const {
  if (weights_.size() == 1) return parameters.value(weights_.front().weight_NK).to(type_);
  std::vector<at::Tensor> rows;
  for (const TrainedWeight& part : weights_) rows.push_back(parameters.value(part.weight_NK));
  return at::cat(rows).to(type_);
}

void TrainLinear::refresh(const ParameterSet& parameters) {
  if (weights_.empty()) return;
  std::vector<at::Tensor> biases;
  for (const TrainedWeight& part : weights_) {
    if (part.has_bias) biases.push_back(parameters.value(part.bias_N));
  }
  const at::Tensor weight_NK = stacked(parameters);
  forward_ = FrozenLinear(weight_NK, biases.empty() ? at::Tensor() : at::cat(biases).to(type_));
  if (!needs_input_gradient_ || !keeps_transposed()) return;
  transposed_ = forward_.is_packed() ? FrozenLinear(weight_NK.t().contiguous(), at::Tensor())
                                     : forward_.transposed();
}

FrozenLinear TrainLinear::transposed(const ParameterSet& parameters, bool is_wanted) const {
  if (!is_wanted) return {};
  if (keeps_transposed()) return transposed_;
  return {stacked(parameters).t(), at::Tensor()};
}

at::Tensor TrainLinear::forward(const ParameterSet& parameters, const at::Tensor& x_MK) const {
  at::Tensor y_MN = forward_(x_MK);
  if (updates_.empty() || !are_updates_enabled_) return y_MN;
  for (const TrainedUpdate& update : updates_) {
    at::Tensor b_RN = parameters.value(update.b_NR).t();
    at::Tensor reduced_MR = low_rank_product(x_MK, parameters.value(update.a_RK));
    add_low_rank(y_MN.narrow(1, update.offset, b_RN.size(1)), reduced_MR.mul_(update.scale), b_RN);
  }
  return y_MN;
}

at::Tensor TrainLinear::backward(const ParameterSet& parameters, const at::Tensor& grad_MN,
                                 const at::Tensor& x_MK, std::int64_t rows,
                                 const FrozenLinear& transposed, UpdateGradients& gradients) const {
  at::Tensor grad_x_MK = transposed.is_empty() ? at::Tensor() : transposed(grad_MN);
  if (updates_.empty()) return grad_x_MK;
  at::Tensor x_rows_MK = x_MK.narrow(0, 0, rows);
  for (const TrainedUpdate& update : updates_) {
    at::Tensor a_RK = parameters.value(update.a_RK);
    at::Tensor b_NR = parameters.value(update.b_NR);
    at::Tensor part_MN = grad_MN.narrow(0, 0, rows).narrow(1, update.offset, b_NR.size(0));
    at::Tensor grad_reduced_MR =
        low_rank_product(part_MN, b_NR.t().contiguous()).mul_(update.scale);
    at::Tensor reduced_MR = low_rank_product(x_rows_MK, a_RK).mul_(update.scale);
    gradients.a_RK.push_back(low_rank_gradient(grad_reduced_MR, x_rows_MK));
    gradients.b_NR.push_back(low_rank_gradient(reduced_MR, part_MN).t());
    if (grad_x_MK.defined()) {
      add_low_rank(grad_x_MK.narrow(0, 0, rows), grad_reduced_MR, a_RK);
    }
  }
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
