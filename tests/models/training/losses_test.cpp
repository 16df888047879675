// SPDX-License-Identifier: Apache-2.0
#include "models/training/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace midpo {
namespace {

constexpr double kStep = 1e-5;
constexpr double kSlopeTolerance = 1e-8;

PairLossOptions options_of(PairLossKind kind) {
  PairLossOptions options;
  options.kind = kind;
  options.beta = 0.2;
  options.scale = 0.3;
  options.label_smoothing = 0.1;
  return options;
}

class PairLossSlope : public testing::TestWithParam<PairLossKind> {};

TEST_P(PairLossSlope, IsTheDerivativeOfTheLoss) {
  const PairLossOptions options = options_of(GetParam());
  for (double difference : {-40.0, -3.0, -0.1, 0.0, 0.7, 2.0, 35.0}) {
    const double above = pair_loss(options, difference + kStep, -0.4).loss;
    const double below = pair_loss(options, difference - kStep, -0.4).loss;
    EXPECT_NEAR(pair_loss(options, difference, -0.4).slope, (above - below) / (2.0 * kStep),
                kSlopeTolerance * (1.0 + std::abs(difference)));
  }
}

INSTANTIATE_TEST_SUITE_P(AllKinds, PairLossSlope,
                         testing::Values(PairLossKind::kSigmoid, PairLossKind::kIpo,
                                         PairLossKind::kHinge, PairLossKind::kRobust));

TEST(PairLoss, IsLogTwoForEqualModels) {
  EXPECT_DOUBLE_EQ(pair_loss(options_of(PairLossKind::kSigmoid), 0.0, 0.0).loss, std::log(2.0));
}

TEST(PairLoss, GrowsWithTheMarginThatSharpensIt) {
  const PairLossOptions options = options_of(PairLossKind::kSigmoid);
  EXPECT_GT(pair_loss(options, 1.0, -2.0).loss, pair_loss(options, 1.0, 0.0).loss);
}

TEST(PairLoss, StaysFiniteFarFromZero) {
  const PairLossValue value = pair_loss(options_of(PairLossKind::kSigmoid), -1e5, 0.0);
  EXPECT_DOUBLE_EQ(value.loss, 3e4);
  EXPECT_DOUBLE_EQ(value.slope, -0.3);
}

TEST(RewardLoss, SlopesAreItsDerivatives) {
  for (double better : {-2.0, 0.3, 5.0}) {
    const ScoreLossValue value = reward_loss(better, 1.1, 0.01);
    const double first =
        reward_loss(better + kStep, 1.1, 0.01).loss - reward_loss(better - kStep, 1.1, 0.01).loss;
    const double second =
        reward_loss(better, 1.1 + kStep, 0.01).loss - reward_loss(better, 1.1 - kStep, 0.01).loss;
    EXPECT_NEAR(value.slopes[0], first / (2.0 * kStep), kSlopeTolerance);
    EXPECT_NEAR(value.slopes[1], second / (2.0 * kStep), kSlopeTolerance);
  }
}

TEST(CostLoss, SlopesAreItsDerivativesForEveryLabel) {
  for (bool first_unsafe : {false, true}) {
    for (bool second_unsafe : {false, true}) {
      const std::array<bool, 2> unsafe = {first_unsafe, second_unsafe};
      const ScoreLossValue value = cost_loss(0.4, -1.2, unsafe, 0.01);
      const double first = cost_loss(0.4 + kStep, -1.2, unsafe, 0.01).loss -
                           cost_loss(0.4 - kStep, -1.2, unsafe, 0.01).loss;
      const double second = cost_loss(0.4, -1.2 + kStep, unsafe, 0.01).loss -
                            cost_loss(0.4, -1.2 - kStep, unsafe, 0.01).loss;
      EXPECT_NEAR(value.slopes[0], first / (2.0 * kStep), kSlopeTolerance);
      EXPECT_NEAR(value.slopes[1], second / (2.0 * kStep), kSlopeTolerance);
    }
  }
}

TEST(CostLoss, PunishesAWrongSign) {
  EXPECT_GT(cost_loss(1.0, -1.0, {false, true}, 0.0).loss,
            cost_loss(1.0, -1.0, {true, false}, 0.0).loss);
}

}  // namespace
}  // namespace midpo
