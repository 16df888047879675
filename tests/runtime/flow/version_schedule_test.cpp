// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/version_schedule.h"

#include <gtest/gtest.h>

#include "runtime/core/error.h"

namespace midpo {
namespace {

TEST(VersionSchedule, PublishesAtEqualDistancesAndBehindTheLastStep) {
  const VersionSchedule schedule(4, {{10, 5}});
  EXPECT_EQ(schedule.step_of(0, 1), 3U);
  EXPECT_EQ(schedule.step_of(0, 2), 5U);
  EXPECT_EQ(schedule.step_of(0, 3), 8U);
  EXPECT_EQ(schedule.step_of(0, 4), 10U);
}

TEST(VersionSchedule, KnowsTheNewestVersionAtEveryStep) {
  for (const std::uint64_t steps : {7U, 8U, 9U, 100U}) {
    const VersionSchedule schedule(8, {{steps, steps}});
    for (std::uint64_t done = 0; done <= steps; ++done) {
      std::uint64_t newest = 0;
      while (newest < schedule.num_versions() && schedule.step_of(0, newest + 1) <= done) ++newest;
      EXPECT_EQ(schedule.newest_at(0, done), newest) << done << " of " << steps;
    }
  }
}

TEST(VersionSchedule, FollowsFromTheEndOfEveryFirstEpochOn) {
  EXPECT_EQ(VersionSchedule(4, {{12, 3}}).first_followed(), 1U);
  EXPECT_EQ(VersionSchedule(4, {{12, 4}}).first_followed(), 2U);
  EXPECT_EQ(VersionSchedule(4, {{12, 4}, {12, 9}}).first_followed(), 3U);
  EXPECT_EQ(VersionSchedule(1, {{12, 4}}).first_followed(), 1U);
  // Fewer steps than an epoch: all of them.
  EXPECT_EQ(VersionSchedule(4, {{8, 20}}).first_followed(), 4U);
}

TEST(VersionSchedule, HasNoMoreVersionsThanAPublisherHasSteps) {
  const VersionSchedule schedule(8, {{20, 10}, {3, 1}});
  EXPECT_EQ(schedule.num_versions(), 3U);
  EXPECT_EQ(schedule.step_of(1, 3), 3U);
  EXPECT_EQ(schedule.step_of(0, 3), 20U);
}

TEST(VersionSchedule, UsesEveryFollowedVersionInOrderForEqualParts) {
  const VersionSchedule schedule(8, {{80, 30}});
  ASSERT_EQ(schedule.first_followed(), 3U);
  std::vector<int> uses(9, 0);
  std::uint64_t last = schedule.version_for(0, 62);
  EXPECT_EQ(last, 3U);
  for (std::uint64_t step = 0; step < 62; ++step) {
    const std::uint64_t version = schedule.version_for(step, 62);
    EXPECT_TRUE(version == last || version == last + 1);
    ++uses[version];
    last = version;
  }
  EXPECT_EQ(last, 8U);
  for (std::size_t version = 3; version <= 8; ++version) {
    EXPECT_GE(uses[version], 10);
    EXPECT_LE(uses[version], 11);
  }
}

TEST(VersionSchedule, AShortFollowerStillEndsOnTheLastVersion) {
  const VersionSchedule schedule(8, {{80, 10}});
  EXPECT_EQ(schedule.version_for(0, 1), 8U);
  EXPECT_EQ(schedule.version_for(0, 2), 4U);
  EXPECT_EQ(schedule.version_for(1, 2), 8U);
  EXPECT_EQ(schedule.version_for(2, 2), 8U);
}

TEST(VersionSchedule, OneVersionIsTheFinalOne) {
  const VersionSchedule schedule(1, {{80, 10}, {40, 10}});
  for (std::uint64_t step = 0; step < 5; ++step) EXPECT_EQ(schedule.version_for(step, 5), 1U);
  EXPECT_EQ(schedule.step_of(0, 1), 80U);
  EXPECT_EQ(schedule.step_of(1, 1), 40U);
}

TEST(VersionSchedule, RefusesWhatCannotBeScheduled) {
  EXPECT_THROW(VersionSchedule(0, {{8, 4}}), Error);
  EXPECT_THROW(VersionSchedule(4, {}), Error);
  EXPECT_THROW(VersionSchedule(4, {{0, 4}}), Error);
}

TEST(VersionSchedule, HoldsAPublisherThatIsTooFarAhead) {
  EXPECT_TRUE(may_publish(5, 4, 1));
  EXPECT_FALSE(may_publish(6, 4, 1));
  EXPECT_TRUE(may_publish(4, 4, 0));
}

}  // namespace
}  // namespace midpo
