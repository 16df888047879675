// SPDX-License-Identifier: Apache-2.0
#include "models/training/gate_means.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>

namespace midpo {
namespace {

constexpr std::size_t kSums = 3;  // of alpha, of beta, of weights

}  // namespace

GateMeans::GateMeans(ParameterSet& parameters, std::size_t num_layers)
    : slot_(parameters.add_gradient_slot(static_cast<std::int64_t>(kSums * num_layers))),
      num_layers_(num_layers),
      sums_(kSums * num_layers) {}

void GateMeans::add(const ParameterSet& parameters, const std::vector<GateSums>& sums) const {
  std::vector<float> step(kSums * num_layers_);
  for (std::size_t layer = 0; layer < num_layers_; ++layer) {
    step[layer] = static_cast<float>(sums[layer].alpha);
    step[num_layers_ + layer] = static_cast<float>(sums[layer].beta);
    step[2 * num_layers_ + layer] = static_cast<float>(sums[layer].weight);
  }
  at::Tensor slot = parameters.gradient(slot_);
  const auto size = static_cast<std::int64_t>(step.size());
  slot.add_(
      at::from_blob(step.data(), {size}, at::TensorOptions().dtype(at::kFloat)).to(slot.device()));
}

void GateMeans::take_step(const ParameterSet& parameters) {
  const at::Tensor step = parameters.gradient(slot_).to(at::kCPU);
  const auto* values = step.const_data_ptr<float>();
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += static_cast<double>(values[i]);
}

void GateMeans::begin_epoch() { std::ranges::fill(sums_, 0.0); }

at::Tensor GateMeans::sums() const {
  return at::from_blob(const_cast<double*>(sums_.data()),
                       {static_cast<std::int64_t>(kSums), static_cast<std::int64_t>(num_layers_)},
                       at::TensorOptions().dtype(at::kDouble));
}

std::vector<double> GateMeans::means(std::size_t gate) const {
  std::vector<double> means;
  for (std::size_t layer = 0; layer < num_layers_; ++layer) {
    const double weight = sums_[2 * num_layers_ + layer];
    if (weight > 0.0) means.push_back(sums_[gate * num_layers_ + layer] / weight);
  }
  return means;
}

}  // namespace midpo
