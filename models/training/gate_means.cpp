// SPDX-License-Identifier: Apache-2.0
#include "models/training/gate_means.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

namespace midpo {

GateMeans::GateMeans(ParameterSet& parameters, std::size_t num_layers)
    : slot_(parameters.add_gradient_slot(3 * static_cast<std::int64_t>(num_layers))),
      sums_(at::zeros({3, static_cast<std::int64_t>(num_layers)},
                      at::TensorOptions().dtype(at::kDouble))) {}

void GateMeans::add(const ParameterSet& parameters, const std::vector<GateSums>& sums) const {
  at::Tensor step = at::empty(sums_.sizes(), at::TensorOptions().dtype(at::kFloat));
  auto* values = step.mutable_data_ptr<float>();
  for (std::size_t layer = 0; layer < sums.size(); ++layer) {
    values[layer] = static_cast<float>(sums[layer].alpha);
    values[sums.size() + layer] = static_cast<float>(sums[layer].beta);
    values[2 * sums.size() + layer] = static_cast<float>(sums[layer].weight);
  }
  at::Tensor slot = parameters.gradient(slot_);
  slot.add_(step.reshape({-1}).to(slot.device()));
}

void GateMeans::take_step(const ParameterSet& parameters) {
  sums_.add_(parameters.gradient(slot_).to(at::kCPU, at::kDouble).view(sums_.sizes()));
}

void GateMeans::begin_epoch() { sums_.zero_(); }

std::vector<double> GateMeans::means(std::int64_t gate) const {
  std::vector<double> means;
  const auto* sums = sums_.const_data_ptr<double>();
  const std::int64_t layers = sums_.size(1);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const double weight = sums[2 * layers + layer];
    if (weight > 0.0) means.push_back(sums[gate * layers + layer] / weight);
  }
  return means;
}

}  // namespace midpo
