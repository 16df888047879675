// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/backend.h"
#include "models/training/parameters.h"
#include "models/training/shard.h"

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
/// clip_grad_norm_ compute them (Loshchilov & Hutter 2019). Bits depend neither on the number of
/// threads nor on the shard.
class AdamW {
 public:
  AdamW(ParameterSet& parameters, const AdamWOptions& options, const Backend& backend);
  /// Keeps moments for one shard of the values, and updates that alone. Only for parameters that
  /// are all dense.
  AdamW(ParameterSet& parameters, const AdamWOptions& options, const Backend& backend,
        const Shard& shard);

  /// Sum of the squares of the shard's gradients, outer ones included.
  double gradient_square_sum() const;

  /// Clips by `norm`, of the gradients of all shards, updates the shard's values and clears all
  /// dense gradients and slots.
  void step(double learning_rate, double norm);

  std::int64_t num_steps() const { return num_steps_; }
  void set_num_steps(std::int64_t steps) { num_steps_ = steps; }
  const Shard& shard() const { return shard_; }
  /// fp32, of the shard of ParameterSet::values().
  const at::Tensor& first_moments() const { return first_; }
  const at::Tensor& second_moments() const { return second_; }

 private:
  /// The shard's part of values [begin, end) by their dense gradients.
  void update_dense(std::int64_t begin, std::int64_t end, double learning_rate,
                    double weight_decay);
  /// Values [begin, begin + gradient.numel()) by their gradient.
  void update(std::int64_t begin, const at::Tensor& gradient, double learning_rate,
              double weight_decay);
  void update_outer(const ParameterSet::Entry& entry, double learning_rate);

  ParameterSet& parameters_;
  AdamWOptions options_;
  const Backend& backend_;
  Shard shard_;
  at::Tensor first_, second_;
  std::int64_t num_steps_ = 0;
};

}  // namespace midpo
