// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/models/kernels/kernel_machine.h"

namespace midpo {
namespace {

class SoftmaxGradient : public MachineCase {};
INSTANTIATE_TEST_SUITE_P(All, SoftmaxGradient, all_machine_cases(), machine_case_name);

constexpr std::size_t kVocabs[] = {1, 5, 16, 63, 64, 65, 1000, 32003};
constexpr std::size_t kRows = 2;

struct LogitsCase {
  std::size_t vocab;
  DType dtype;
  Buffer logits;
  std::vector<std::int32_t> tokens;
  std::vector<float> weights{0.75F, -2.0F};
  std::vector<float> log_probs = std::vector<float>(kRows);

  LogitsCase(std::size_t size, DType type)
      : vocab(size),
        dtype(type),
        logits(Buffer::random(kRows * size, type, 1, 4.0F)),
        tokens{0, static_cast<std::int32_t>(size) - 1} {}

  void run(const KernelMachine& machine, bool has_weights = true) {
    machine.run(SoftmaxGradientArgs{logits.data(), tokens.data(),
                                    has_weights ? weights.data() : nullptr, log_probs.data(), kRows,
                                    static_cast<std::int64_t>(vocab), dtype});
  }

  double normalizer(std::size_t row) const {
    double sum = 0.0;
    for (std::size_t i = row * vocab; i < (row + 1) * vocab; ++i) sum += std::exp(logits[i]);
    return std::log(sum);
  }
};

TEST_P(SoftmaxGradient, EqualsItsDefinition) {
  for (std::size_t vocab : kVocabs) {
    LogitsCase after(vocab, dtype());
    LogitsCase before = after;
    after.run(machine());
    for (std::size_t row = 0; row < kRows; ++row) {
      double normalizer = before.normalizer(row);
      auto token = static_cast<std::size_t>(before.tokens[row]);
      double log_prob = before.logits[row * vocab + token] - normalizer;
      ASSERT_TRUE(is_near(after.log_probs[row], log_prob, DType::kFloat32)) << vocab;
      for (std::size_t i = 0; i < vocab; ++i) {
        double probability = std::exp(before.logits[row * vocab + i] - normalizer);
        double wanted = before.weights[row] * ((i == token ? 1.0 : 0.0) - probability);
        ASSERT_TRUE(is_near(after.logits[row * vocab + i], wanted, dtype())) << vocab << ": " << i;
      }
    }
  }
}

TEST_P(SoftmaxGradient, GradientsAreRelativelyExact) {
  LogitsCase after(1000, dtype());
  LogitsCase before = after;
  after.run(machine());
  double tolerated = dtype() == DType::kFloat32 ? 1e-5 : 4e-3;
  for (std::size_t i = 1; i < 1000; ++i) {
    double wanted = -0.75 * std::exp(before.logits[i] - before.normalizer(0));
    ASSERT_LE(std::abs(after.logits[i] - wanted), tolerated * std::abs(wanted));
  }
}

TEST_P(SoftmaxGradient, LogProbsHaveTheBitsOfLogSoftmax) {
  LogitsCase softmax(1003, dtype());
  std::vector<LogProbTarget> targets{{0, softmax.tokens[0]}, {1, softmax.tokens[1]}};
  std::vector<float> log_probs(kRows);
  machine().run(LogSoftmaxArgs{softmax.logits.data(), 1003, targets.data(), kRows, log_probs.data(),
                               dtype()});
  softmax.run(machine());
  EXPECT_EQ(softmax.log_probs, log_probs);
}

TEST_P(SoftmaxGradient, WithoutWeightsIsOfWeightOne) {
  LogitsCase without(100, dtype());
  LogitsCase ones = without;
  ones.weights = {1.0F, 1.0F};
  ones.run(machine());
  without.run(machine(), false);
  EXPECT_TRUE(without.logits == ones.logits);
}

TEST_P(SoftmaxGradient, NaNReachesTheLogProb) {
  LogitsCase spoilt(100, dtype());
  spoilt.logits.set(50, std::numeric_limits<float>::quiet_NaN());
  spoilt.run(machine());
  EXPECT_TRUE(std::isnan(spoilt.log_probs[0]));
  EXPECT_FALSE(std::isnan(spoilt.log_probs[1]));
}

}  // namespace
}  // namespace midpo
