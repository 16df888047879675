// SPDX-License-Identifier: Apache-2.0
// Expected values: scipy.stats.t.ppf(0.975, n) and statsmodels' proportion_confint(wilson).
#include "runtime/core/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace midpo {
namespace {

TEST(StudentQuantile, AgreesWithTables) {
  EXPECT_NEAR(student_t_quantile(1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t_quantile(4), 2.7764, 1e-4);
  EXPECT_NEAR(student_t_quantile(6), 2.4469, 1e-3);
  EXPECT_NEAR(student_t_quantile(10), 2.2281, 1e-4);
  EXPECT_NEAR(student_t_quantile(100), 1.9840, 1e-4);
  EXPECT_NEAR(student_t_quantile(1000000), 1.9600, 1e-4);
}

TEST(MeanEstimate, HasStudentsInterval) {
  const std::vector<double> values = {1.0, 2.0, 3.0, 4.0, 5.0};
  const Estimate estimate = mean_estimate(values);
  EXPECT_DOUBLE_EQ(estimate.mean, 3.0);
  EXPECT_NEAR(estimate.low, 3.0 - 2.7764 * 0.70711, 1e-3);
  EXPECT_NEAR(estimate.high, 3.0 + 2.7764 * 0.70711, 1e-3);
  EXPECT_EQ(estimate.count, 5U);
}

TEST(MeanEstimate, OfOneValueIsThatValue) {
  const std::vector<double> values = {0.25};
  const Estimate estimate = mean_estimate(values);
  EXPECT_EQ(estimate.low, 0.25);
  EXPECT_EQ(estimate.high, 0.25);
}

TEST(MeanEstimate, OfNothingIsZero) {
  EXPECT_EQ(mean_estimate({}).count, 0U);
  EXPECT_EQ(mean_estimate({}).mean, 0.0);
}

TEST(ShareEstimate, HasWilsonsInterval) {
  const Estimate estimate = share_estimate(8, 10);
  EXPECT_DOUBLE_EQ(estimate.mean, 0.8);
  EXPECT_NEAR(estimate.low, 0.4902, 1e-4);
  EXPECT_NEAR(estimate.high, 0.9433, 1e-4);
}

TEST(ShareEstimate, HasAWidthAtTheEnds) {
  EXPECT_EQ(share_estimate(0, 20).low, 0.0);
  EXPECT_NEAR(share_estimate(0, 20).high, 0.1611, 1e-4);
  EXPECT_EQ(share_estimate(20, 20).high, 1.0);
  EXPECT_NEAR(share_estimate(20, 20).low, 0.8389, 1e-4);
}

}  // namespace
}  // namespace midpo
