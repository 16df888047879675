// SPDX-License-Identifier: Apache-2.0
#include "models/export/collapsed_gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/export/small_parts.h"

namespace midpo {
namespace {

constexpr std::int64_t kInputs = test::kIntermediate;
constexpr std::int64_t kWidth = test::kGateWidth;

/// Values that no two places share.
std::vector<float> ramp(std::int64_t count, float start) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(std::sin(start + static_cast<float>(i)));
  }
  return values;
}

std::vector<double> apply(const std::vector<float>& w, const std::vector<float>& b,
                          const std::vector<double>& x) {
  std::vector<double> y(b.begin(), b.end());
  for (std::size_t n = 0; n < y.size(); ++n) {
    for (std::size_t k = 0; k < x.size(); ++k) y[n] += w[n * x.size() + k] * x[k];
  }
  return y;
}

TEST(CollapsedGate, IsTheThreeMapsOneAfterTheOther) {
  const std::vector<float> w0 = ramp(kWidth * kInputs, 0), b0 = ramp(kWidth, 1);
  const std::vector<float> w1 = ramp(kInputs * kWidth, 2), b1 = ramp(kInputs, 3);
  const std::vector<float> w2 = ramp(kInputs, 4), b2 = ramp(1, 5);
  const TemporaryFolder folder;
  const std::vector<TensorToWrite> tensors = {
      {"w0", StoredType::kFloat32, {kWidth, kInputs}, w0.data()},
      {"b0", StoredType::kFloat32, {kWidth}, b0.data()},
      {"w1", StoredType::kFloat32, {kInputs, kWidth}, w1.data()},
      {"b1", StoredType::kFloat32, {kInputs}, b1.data()},
      {"w2", StoredType::kFloat32, {1, kInputs}, w2.data()},
      {"b2", StoredType::kFloat32, {1}, b2.data()}};
  write_safetensors(folder.file("gate.safetensors"), tensors);
  const auto files = open_weight_file(folder.file("gate.safetensors"), false);
  const CollapsedGate gate = collapse_gate(*files, {{"w0", "w1", "w2"}, {"b0", "b1", "b2"}});

  const std::vector<double> x = {0.3, -1.0, 2.0, 0.7, -0.2, 1.5};
  const double wanted = apply(w2, b2, apply(w1, b1, apply(w0, b0, x)))[0];
  double got = gate.bias;
  for (std::size_t i = 0; i < x.size(); ++i) got += gate.weight[i] * x[i];
  EXPECT_NEAR(got, wanted, 1e-5);
}

}  // namespace
}  // namespace midpo
