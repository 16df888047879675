// SPDX-License-Identifier: Apache-2.0
#include "models/export/collapsed_gate.h"

#include <cmath>

#include "models/checkpoint/checkpoint_error.h"
#include "models/export/float_values.h"

namespace midpo {
namespace {

/// x [N] times W [N, K]: the map W and what follows it, as one.
std::vector<double> times(const std::vector<double>& x, const std::vector<float>& w) {
  const std::size_t width = w.size() / x.size();
  std::vector<double> product(width, 0.0);
  for (std::size_t n = 0; n < x.size(); ++n) {
    for (std::size_t k = 0; k < width; ++k) {
      product[k] += x[n] * static_cast<double>(w[n * width + k]);
    }
  }
  return product;
}

double dot(const std::vector<double>& x, const std::vector<float>& y) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * static_cast<double>(y[i]);
  return sum;
}

}  // namespace

CollapsedGate collapse_gate(const WeightFiles& files, const GateTensors& gate) {
  std::vector<double> weight = {1.0};
  double bias = 0.0;
  for (std::size_t i = gate.weights.size(); i-- > 0;) {
    bias += dot(weight, float_values(files.require_tensor(gate.biases[i])));
    weight = times(weight, float_values(files.require_tensor(gate.weights[i])));
  }
  const CollapsedGate collapsed{{weight.begin(), weight.end()}, static_cast<float>(bias)};
  bool is_finite = std::isfinite(collapsed.bias);
  for (const float value : collapsed.weight) is_finite = is_finite && std::isfinite(value);
  if (!is_finite) {
    refuse_checkpoint(files.require_tensor(gate.weights[0]).file,
                      "the gate of " + quote_name(gate.weights[0]) +
                          " is not finite in fp32; the file is damaged or its training diverged");
  }
  return collapsed;
}

}  // namespace midpo
