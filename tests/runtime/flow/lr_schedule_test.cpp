// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/lr_schedule.h"

#include <gtest/gtest.h>

#include <array>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Rates = std::array<double, 7>;

/// Seven steps at a peak of 2e-5, two of them warm-up.
void expect_rates(std::string_view kind, const Rates& wanted) {
  const LrSchedule schedule{schedule_kind_from_name(kind), 2e-5, 2, 7};
  for (std::size_t step = 0; step < wanted.size(); ++step) {
    EXPECT_NEAR(schedule.rate_at(step), wanted[step], 1e-20) << kind << " at step " << step;
  }
}

// The figures are those of transformers 5.23, get_scheduler().
TEST(LrSchedule, FollowsTransformersCosine) {
  expect_rates("cosine", {0.0, 1e-05, 2e-05, 1.8090169943749477e-05, 1.3090169943749475e-05,
                          6.909830056250527e-06, 1.9098300562505266e-06});
}

TEST(LrSchedule, FollowsTransformersLinear) {
  expect_rates("linear", {0.0, 1e-05, 2e-05, 1.6e-05, 1.2e-05, 8e-06, 4e-06});
}

TEST(LrSchedule, FollowsTransformersConstantWithWarmup) {
  expect_rates("constant", {0.0, 1e-05, 2e-05, 2e-05, 2e-05, 2e-05, 2e-05});
}

TEST(LrSchedule, StartsAtThePeakWithoutWarmup) {
  EXPECT_EQ((LrSchedule{ScheduleKind::kCosine, 1e-5, 0, 10}.rate_at(0)), 1e-5);
}

TEST(LrSchedule, StaysFiniteWhereAllStepsAreWarmup) {
  const LrSchedule schedule{ScheduleKind::kLinear, 1.0, 4, 4};
  EXPECT_EQ(schedule.rate_at(3), 0.75);
  EXPECT_EQ(schedule.rate_at(4), 1.0);
}

TEST(LrSchedule, RoundsWarmupUp) {
  EXPECT_EQ(warmup_steps(0.03, 100), 3U);
  EXPECT_EQ(warmup_steps(0.03, 101), 4U);
  EXPECT_EQ(warmup_steps(0.0, 100), 0U);
}

TEST(LrSchedule, RefusesAnUnknownName) {
  EXPECT_THROW(schedule_kind_from_name("polynomial"), Error);
}

}  // namespace
}  // namespace midpo
