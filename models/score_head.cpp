// SPDX-License-Identifier: Apache-2.0
#include "models/score_head.h"

#include <cmath>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr float kNormalizerEps = 1e-8F;

std::vector<float> to_host(const at::Tensor& values) {
  at::Tensor host = values.to(at::kCPU, at::kFloat).contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

}  // namespace

ScoreHead::ScoreHead(const ModelConfig& config, const WeightReader& reader) {
  const ScoreHeadConfig& head = config.score_head.value();
  const std::string module = module_of(head);
  // Rounded to the model's dtype, as a module in that dtype holds it.
  weight_E_ = to_host(reader.read(module + ".weight"));
  if (head.has_bias) bias_ = to_host(reader.read(module + ".bias")).front();
  if (!head.do_normalize) return;
  const std::string& function = head.normalize_function;
  if (function == "affine" || function == "translate") {
    shift_ = to_host(reader.read_float("normalizer.mean")).front();
  }
  if (function == "affine" || function == "scale") {
    divisor_ = std::sqrt(to_host(reader.read_float("normalizer.var")).front()) + kNormalizerEps;
  }
}

std::vector<float> ScoreHead::score(const at::Tensor& hidden_RE, std::int64_t num_scores) const {
  std::vector<float> hidden = to_host(hidden_RE.narrow(0, 0, num_scores));
  std::vector<float> scores;
  for (auto row = hidden.begin(); row != hidden.end();
       row += static_cast<std::ptrdiff_t>(weight_E_.size())) {
    double sum = bias_;
    for (std::size_t i = 0; i < weight_E_.size(); ++i) {
      sum += static_cast<double>(row[static_cast<std::ptrdiff_t>(i)]) * weight_E_[i];
    }
    scores.push_back((static_cast<float>(sum) - shift_) / divisor_);
  }
  return scores;
}

}  // namespace midpo
