// SPDX-License-Identifier: Apache-2.0
#include "models/preference/pair_offset.h"

#include <gtest/gtest.h>

#include <cmath>

namespace midpo {
namespace {

double offset(PairOffset kind, double winner, double loser, double weight = 0.0) {
  return pair_offset(kind, {winner, loser, true, true}, weight);
}

TEST(PairOffset, AsksHelpfulnessForTheRewardMargin) {
  EXPECT_EQ(offset(PairOffset::kHelpfulness, 3.0, 1.0), -2.0);
  EXPECT_EQ(offset(PairOffset::kHelpfulness, 1.0, 3.0), 0.0) << "a label the reward contradicts";
}

TEST(PairOffset, AsksSafetyForTheCostMargin) {
  EXPECT_EQ(offset(PairOffset::kSafety, -1.0, 2.0), -3.0);
  EXPECT_EQ(offset(PairOffset::kSafety, 2.0, -1.0), 0.0);
}

TEST(PairOffset, GivesModpoTheWeighedCostDifference) {
  EXPECT_EQ(offset(PairOffset::kModpo, 2.0, -1.0, 0.5), 1.5);
  EXPECT_EQ(offset(PairOffset::kModpo, -1.0, 2.0, 0.5), -1.5);
}

TEST(PairOffset, AsksSafeDpoForAMarginBetweenSafeAndUnsafe) {
  EXPECT_EQ(pair_offset(PairOffset::kSafeDpo, {0, 0, true, false}, 10.0), -10.0);
  EXPECT_EQ(pair_offset(PairOffset::kSafeDpo, {0, 0, true, true}, 10.0), 0.0);
}

TEST(PairOffset, LeavesDpoAlone) { EXPECT_EQ(offset(PairOffset::kNone, 5.0, 1.0, 7.0), 0.0); }

TEST(UntrainedPairLoss, IsLnTwoForDpo) {
  EXPECT_DOUBLE_EQ(untrained_pair_loss(PairLossKind::kSigmoid, 0.0, 0.1, 0.0), std::log(2.0));
}

TEST(UntrainedPairLoss, FollowsTheOffset) {
  EXPECT_NEAR(untrained_pair_loss(PairLossKind::kSigmoid, -2.0, 0.1, 0.0),
              std::log1p(std::exp(2.0)), 1e-12);
  EXPECT_NEAR(untrained_pair_loss(PairLossKind::kSigmoid, -1000.0, 0.1, 0.0), 1000.0, 1e-9);
}

TEST(UntrainedPairLoss, KnowsTheOtherLosses) {
  EXPECT_DOUBLE_EQ(untrained_pair_loss(PairLossKind::kIpo, 0.0, 0.1, 0.0), 25.0);
  EXPECT_DOUBLE_EQ(untrained_pair_loss(PairLossKind::kHinge, -0.5, 0.1, 0.0), 1.5);
  EXPECT_NEAR(untrained_pair_loss(PairLossKind::kRobust, 0.0, 0.1, 0.2), std::log(2.0), 1e-12);
}

}  // namespace
}  // namespace midpo
