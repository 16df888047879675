// SPDX-License-Identifier: Apache-2.0
#include "models/training/expert_mixture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "models/training/low_rank.h"

namespace midpo {

namespace {

void add_sums(const at::Tensor& gates_M2, const at::Tensor& row_weights_M, GateSums& sums) {
  const std::int64_t rows = row_weights_M.size(0);
  at::Tensor weighted_M2 = gates_M2.narrow(0, 0, rows) * row_weights_M.unsqueeze(1);
  at::Tensor totals_2 = at::sum(weighted_M2, {0}, false, at::kDouble);
  const double alpha = totals_2[0].item<double>();
  const double beta = totals_2[1].item<double>();
  const double weight = at::sum(row_weights_M, at::kDouble).item<double>();
  // A sigmoid is between 0 and 1, so that the absolute values are alpha and 1 - beta.
  sums += {alpha + weight - beta, alpha, beta, weight};
}

}  // namespace

GateSums& GateSums::operator+=(const GateSums& other) {
  regularizer += other.regularizer;
  alpha += other.alpha;
  beta += other.beta;
  weight += other.weight;
  return *this;
}

ExpertMixture::ExpertMixture(FactoredGate alpha, FactoredGate beta, const FrozenAdapter& safety,
                             const FrozenAdapter& helpfulness)
    : alpha_(std::move(alpha)), beta_(std::move(beta)) {
  set_experts(safety, helpfulness);
}

void ExpertMixture::set_experts(const FrozenAdapter& safety, const FrozenAdapter& helpfulness) {
  outputs_ER_ = at::cat({safety.b_ER, helpfulness.b_ER}, 1);
  safety_rank_ = safety.a_RI.size(0);
  at::Tensor gates_2I = at::zeros({2, safety.a_RI.size(1)}, safety.a_RI.options());
  inputs_XI_ =
      at::cat({safety.a_RI * safety.scale, helpfulness.a_RI * helpfulness.scale, gates_2I});
}

void ExpertMixture::refresh(const ParameterSet& parameters) {
  alpha_.collapse(parameters);
  beta_.collapse(parameters);
  inputs_XI_.narrow(0, outputs_ER_.size(1), 2)
      .copy_(at::stack({alpha_.weight_I(), beta_.weight_I()}));
  biases_2_ = at::cat({alpha_.bias(), beta_.bias()});
  is_fixed_ = false;
}

void ExpertMixture::fix_gates(double alpha, double beta) {
  biases_2_ = at::empty({2}, outputs_ER_.options());
  biases_2_[0].fill_(alpha);
  biases_2_[1].fill_(beta);
  is_fixed_ = true;
}

ExpertMixture::Mixed ExpertMixture::mix(const at::Tensor& h_MI) const {
  Mixed mixed;
  mixed.h_MI = h_MI;
  at::Tensor all_MX = low_rank_product(h_MI, inputs_XI_);
  std::int64_t ranks = outputs_ER_.size(1);
  mixed.reduced_MR = all_MX.narrow(1, 0, ranks);
  mixed.gates_M2 = is_fixed_ ? biases_2_.expand({h_MI.size(0), 2})
                             : at::sigmoid(all_MX.narrow(1, ranks, 2) + biases_2_);
  return mixed;
}

at::Tensor ExpertMixture::gated(const Mixed& mixed) const {
  std::int64_t rank = safety_rank_;
  std::int64_t other_rank = mixed.reduced_MR.size(1) - rank;
  return at::cat({mixed.reduced_MR.narrow(1, 0, rank) * mixed.gates_M2.narrow(1, 0, 1),
                  mixed.reduced_MR.narrow(1, rank, other_rank) * mixed.gates_M2.narrow(1, 1, 1)},
                 1);
}

void ExpertMixture::add_forward(const at::Tensor& h_MI, at::Tensor& y_ME,
                                const at::Tensor& row_weights_M, GateSums& sums) const {
  Mixed mixed = mix(h_MI);
  add_low_rank(y_ME, gated(mixed), outputs_ER_.t());
  add_sums(mixed.gates_M2, row_weights_M, sums);
}

at::Tensor ExpertMixture::backward(const at::Tensor& grad_y_ME, const at::Tensor& h_MI,
                                   const at::Tensor& row_weights_M, double regularizer_weight,
                                   at::Tensor& grad_h_MI) const {
  std::int64_t rows = row_weights_M.size(0);
  std::int64_t rank = safety_rank_;
  std::int64_t other_rank = outputs_ER_.size(1) - rank;
  Mixed mixed = mix(h_MI.narrow(0, 0, rows));
  at::Tensor grad_MR = low_rank_product(grad_y_ME.narrow(0, 0, rows), outputs_ER_.t().contiguous());
  at::Tensor product_MR = grad_MR * mixed.reduced_MR;
  at::Tensor penalty_M1 = row_weights_M.unsqueeze(1) * regularizer_weight;
  at::Tensor grad_gates_M2 =
      at::cat({product_MR.narrow(1, 0, rank).sum(1, true) + penalty_M1,
               product_MR.narrow(1, rank, other_rank).sum(1, true) - penalty_M1},
              1);
  at::Tensor grad_logits_M2 = grad_gates_M2 * mixed.gates_M2 * (1.0 - mixed.gates_M2);
  if (grad_h_MI.defined()) {
    at::Tensor grad_all_MX = at::cat(
        {grad_MR.narrow(1, 0, rank) * mixed.gates_M2.narrow(1, 0, 1),
         grad_MR.narrow(1, rank, other_rank) * mixed.gates_M2.narrow(1, 1, 1), grad_logits_M2},
        1);
    add_low_rank(grad_h_MI.narrow(0, 0, rows), grad_all_MX, inputs_XI_);
  }
  return gate_gradient(mixed, grad_logits_M2);
}

void ExpertMixture::count_gates(const at::Tensor& h_MI, const at::Tensor& row_weights_M,
                                GateSums& sums) const {
  add_sums(mix(h_MI).gates_M2, row_weights_M, sums);
}

at::Tensor ExpertMixture::backward_regularizer(const at::Tensor& h_MI,
                                               const at::Tensor& row_weights_M, double weight,
                                               at::Tensor& grad_h_MI) const {
  Mixed mixed = mix(h_MI.narrow(0, 0, row_weights_M.size(0)));
  at::Tensor penalty_M1 = row_weights_M.unsqueeze(1) * weight;
  at::Tensor grad_logits_M2 =
      at::cat({penalty_M1, -penalty_M1}, 1) * mixed.gates_M2 * (1.0 - mixed.gates_M2);
  if (grad_h_MI.defined()) {
    add_low_rank(grad_h_MI.narrow(0, 0, row_weights_M.size(0)), grad_logits_M2,
                 inputs_XI_.narrow(0, outputs_ER_.size(1), 2));
  }
  return gate_gradient(mixed, grad_logits_M2);
}

at::Tensor ExpertMixture::gate_gradient(const Mixed& mixed,
                                        const at::Tensor& grad_logits_M2) const {
  std::int64_t inputs = mixed.h_MI.size(1);
  at::Tensor gradient = at::empty({2, inputs + 1}, outputs_ER_.options());
  gradient.narrow(1, 0, inputs).copy_(low_rank_gradient(grad_logits_M2, mixed.h_MI));
  gradient.narrow(1, inputs, 1).copy_(grad_logits_M2.sum(0).unsqueeze(1));
  return gradient;
}

void ExpertMixture::add_gate_gradients(const ParameterSet& parameters,
                                       const std::vector<at::Tensor>& chunks) const {
  for (const at::Tensor& chunk : chunks) {
    alpha_.gradient(parameters).add_(chunk[0]);
    beta_.gradient(parameters).add_(chunk[1]);
  }
}

void ExpertMixture::expand_gradients(ParameterSet& parameters) const {
  alpha_.expand_gradient(parameters);
  beta_.expand_gradient(parameters);
}

}  // namespace midpo
