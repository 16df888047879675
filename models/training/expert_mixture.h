// SPDX-License-Identifier: Apache-2.0
// Both frozen experts on a down projection, mixed per token by two gates in training.
// Dimensions: M rows, I intermediate, E hidden, R summed ranks of both adapters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/training/gates.h"

namespace midpo {

/// One expert's adapter on one down projection.
struct FrozenAdapter {
  at::Tensor a_RI;  ///< fp32
  at::Tensor b_ER;  ///< fp32
  double scale = 0.0;
};

/// Sums over rows, each row by its weight: how often its token occurs in the batch's sequences (a
/// shared prompt is computed once and counts for both).
struct GateSums {
  double regularizer = 0.0;  ///< abs(alpha) + abs(beta - 1)
  double alpha = 0.0;
  double beta = 0.0;
  double weight = 0.0;

  GateSums& operator+=(const GateSums& other);
};

/// alpha(h) s_s B_s A_s h + beta(h) s_h B_h A_h h (docs/method.md, section Mixture).
class ExpertMixture {
 public:
  ExpertMixture(FactoredGate alpha, FactoredGate beta, const FrozenAdapter& safety,
                const FrozenAdapter& helpfulness);

  /// Other experts of the same shapes; refresh() comes next.
  void set_experts(const FrozenAdapter& safety, const FrozenAdapter& helpfulness);

  /// Collapses the gates; after every optimizer step.
  void refresh(const ParameterSet& parameters);

  /// Adds the mixture of h to y, and the gates' sums to `sums`.
  void add_forward(const at::Tensor& h_MI, at::Tensor& y_ME, const at::Tensor& row_weights_M,
                   GateSums& sums) const;

  /// Adds to grad_h and to the gates' gradients (of this chunk, [2, I + 1]).
  /// @param regularizer_weight derivative of the loss by a unit of GateSums::regularizer.
  /// @param grad_h_MI undefined where not wanted.
  at::Tensor backward(const at::Tensor& grad_y_ME, const at::Tensor& h_MI,
                      const at::Tensor& row_weights_M, double regularizer_weight,
                      at::Tensor& grad_h_MI) const;

  /// Adds the gates' sums on activations that the mixture is not applied to.
  void count_gates(const at::Tensor& h_MI, const at::Tensor& row_weights_M, GateSums& sums) const;

  /// As backward(), of the regulariser alone.
  at::Tensor backward_regularizer(const at::Tensor& h_MI, const at::Tensor& row_weights_M,
                                  double weight, at::Tensor& grad_h_MI) const;

  void add_gate_gradients(const ParameterSet& parameters,
                          const std::vector<at::Tensor>& chunks) const;
  void expand_gradients(ParameterSet& parameters) const;

  /// Sets both gates' values aside: fixed ones until the next refresh() (start-up checks).
  void fix_gates(double alpha, double beta);

 private:
  struct Mixed {
    at::Tensor h_MI;
    at::Tensor reduced_MR;  ///< s A h of both experts
    at::Tensor gates_M2;    ///< alpha, beta
  };
  Mixed mix(const at::Tensor& h_MI) const;
  at::Tensor gated(const Mixed& mixed) const;
  /// [2, I + 1]: gradients of both gates' vectors and numbers.
  at::Tensor gate_gradient(const Mixed& mixed, const at::Tensor& grad_logits_M2) const;

  FactoredGate alpha_, beta_;
  at::Tensor inputs_XI_;   ///< s A of both, then the gates' vectors: X = R + 2
  at::Tensor outputs_ER_;  ///< B of both
  at::Tensor biases_2_;
  std::int64_t safety_rank_ = 0;
  bool is_fixed_ = false;
};

}  // namespace midpo
