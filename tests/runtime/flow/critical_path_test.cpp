// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/critical_path.h"

#include <gtest/gtest.h>

namespace midpo {
namespace {

PipelineTimes balanced() {
  PipelineTimes times;
  times.score_seconds = 80.0;
  times.num_scorers = 4;
  times.experts = {{30, 10, 1.0, 40.0}, {30, 10, 1.0, 40.0}};
  times.router = {5, 5, 2.0, 0.0};
  return times;
}

TEST(CriticalPath, AddsUpTheStagesOfASequentialRun) {
  EXPECT_DOUBLE_EQ(sequential_seconds(balanced()), 20.0 + 30.0 + 30.0 + 10.0);
}

TEST(CriticalPath, FollowsTheSlowerOfScoringAndTraining) {
  // The first batch is scored after 40 / 4 / 10 s, then 30 steps of 1 s follow.
  EXPECT_DOUBLE_EQ(critical_path_seconds(balanced()), 1.0 + 30.0 + 10.0);
  PipelineTimes slow_scorers = balanced();
  slow_scorers.num_scorers = 1;
  // The last batch of the first epoch is scored after 40 s; 21 steps are left from there; but all
  // rows are scored only after 80 s.
  EXPECT_DOUBLE_EQ(critical_path_seconds(slow_scorers), 80.0 + 10.0);
}

TEST(CriticalPath, WaitsForTheLastBatchOfTheFirstEpoch) {
  PipelineTimes times;
  times.score_seconds = 40.0;
  times.experts = {{20, 10, 1.0, 40.0}};
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 40.0 + 11.0);
}

TEST(CriticalPath, NeedsOnlyTheRowsOfTheStepsTaken) {
  PipelineTimes times;
  times.score_seconds = 4.0;
  times.experts = {{5, 10, 1.0, 40.0}};
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 20.0 + 1.0);
}

TEST(CriticalPath, FollowsTheVersionsOfTheExperts) {
  PipelineTimes times = balanced();
  times.versions = 6;
  // Versions 2 to 6 are followed, one part of 2 s each; the last one behind the experts' end.
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 1.0 + 30.0 + 2.0);
  times.router.step_seconds = 20.0;
  // A slow router: 100 s in all from version 2 on, which the rows' scores hold up: the 10th step
  // comes behind the last of them.
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 20.0 + 100.0);
}

TEST(CriticalPath, CannotDoMoreThanItsCores) {
  PipelineTimes times = balanced();
  times.shared_cores = 2;
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), (80.0 + 60.0) / 2 + 10.0);
}

}  // namespace
}  // namespace midpo
