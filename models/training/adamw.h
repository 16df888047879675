// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/backend.h"
#include "models/training/parameters.h"

namespace midpo {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0.0;   ///< of parameters that decay
  double max_grad_norm = 1.0;  ///< 0: no clipping
  bool offloads_moments = false;
};

/// AdamW with decoupled weight decay and clipping by the global norm, as torch.optim.AdamW and
/// clip_grad_norm_ compute them (Loshchilov & Hutter 2019). Bits do not depend on the number of
/// threads.
class AdamW {
 public:
  AdamW(ParameterSet& parameters, const AdamWOptions& options, const Backend& backend);

  /// Norm of all gradients, outer ones included.
  double gradient_norm() const;

  /// Clips by `norm`, the result of gradient_norm(), updates the values and clears dense gradients
  /// and slots.
  void step(double learning_rate, double norm);

  std::int64_t num_steps() const { return num_steps_; }
  void set_num_steps(std::int64_t steps) { num_steps_ = steps; }
  /// [P] fp32 each, in the order of ParameterSet::values().
  const at::Tensor& first_moments() const { return first_; }
  const at::Tensor& second_moments() const { return second_; }

 private:
  /// Values [begin, begin + gradient.numel()) by their gradient.
  void update(std::int64_t begin, const at::Tensor& gradient, double learning_rate,
              double weight_decay);
  void update_outer(const ParameterSet::Entry& entry, double learning_rate);

  ParameterSet& parameters_;
  AdamWOptions options_;
  const Backend& backend_;
  at::Tensor first_, second_;
  std::int64_t num_steps_ = 0;
};

}  // namespace midpo
