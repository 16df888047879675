// SPDX-License-Identifier: Apache-2.0
// Mean gates by layer over the rows of an epoch: what stands in for a router where gates must be
// constant.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <string>
#include <vector>

#include "models/training/expert_mixture.h"
#include "models/training/parameters.h"

namespace midpo {

/// A step's sums stand in a gradient slot, so that they add up over ranks as gradients do; each
/// step moves them to the epoch's.
class GateMeans {
 public:
  /// Registers the slot; before ParameterSet::allocate().
  GateMeans(ParameterSet& parameters, std::size_t num_layers);

  /// Into the slot: sums of a pass, [layer].
  void add(const ParameterSet& parameters, const std::vector<GateSums>& sums) const;
  /// From the slot to the epoch's sums; before the optimizer step, which clears the slot.
  void take_step(const ParameterSet& parameters);
  void begin_epoch();

  /// By layer; empty before the first step.
  std::vector<double> alpha() const { return means(0); }
  std::vector<double> beta() const { return means(1); }

  /// fp64 [3, layers]: sums of alpha and beta and of the rows' weights, to be saved and restored. A
  /// view of this object's memory.
  at::Tensor sums() const;

 private:
  std::vector<double> means(std::size_t gate) const;

  ParameterSet::Handle slot_;
  std::size_t num_layers_;
  std::vector<double> sums_;
};

}  // namespace midpo
