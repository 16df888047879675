// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/critical_path.h"

#include <gtest/gtest.h>

namespace midpo {
namespace {

/// Adds the scores of the first epoch of an expert, a batch for each step.
void add_batches(PipelineTimes& times, double seconds, std::size_t expert = 0) {
  const std::vector<double> behind = seconds_behind_steps(times, expert);
  for (std::size_t step = 0; step < times.experts[expert].steps_per_epoch; ++step) {
    times.scores.push_back({seconds, behind[step]});
  }
}

TEST(CriticalPath, AddsUpTheStagesOfASequentialRun) {
  PipelineTimes times;
  times.num_scorers = 4;
  times.experts = {{30, 10, 1.0}, {30, 10, 1.0}};
  times.router = {5, 5, 2.0};
  add_batches(times, 8.0);
  EXPECT_DOUBLE_EQ(sequential_seconds(times), 20.0 + 30.0 + 30.0 + 10.0);
}

TEST(CriticalPath, IsTrainingBehindTheFirstBatchWhereScorersAreFast) {
  PipelineTimes times;
  times.num_scorers = 2;
  times.experts = {{30, 10, 1.0}};
  times.router = {5, 5, 2.0};
  add_batches(times, 1.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 0.5 + 30.0 + 10.0);
}

TEST(CriticalPath, WaitsForTheLastBatchOfTheFirstEpoch) {
  PipelineTimes times;
  times.experts = {{20, 10, 1.0}};
  add_batches(times, 4.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 40.0 + 11.0);
}

TEST(CriticalPath, SharesScorersAmongLearners) {
  PipelineTimes times;
  times.experts = {{20, 10, 1.0}};
  add_batches(times, 1.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 1.0 + 20.0);
  // Another learner wants as much: each step now waits for two batches.
  add_batches(times, 1.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 20.0 + 11.0);
}

TEST(CriticalPath, WaitsForRowsThatAreOnlyRanked) {
  PipelineTimes times;
  times.scores = {{50.0, 0.0}, {1.0, 10.0}};
  times.experts = {{10, 10, 1.0}};
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 51.0);
}

TEST(CriticalPath, FollowsTheVersionsOfTheExperts) {
  PipelineTimes times;
  times.num_scorers = 4;
  times.experts = {{30, 10, 1.0}, {30, 10, 1.0}};
  times.router = {5, 5, 2.0};
  times.versions = 6;
  add_batches(times, 4.0);
  // Versions 2 to 6 are followed, one part of 2 s each; the last one behind the experts' end.
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 1.0 + 30.0 + 2.0);
  // A slow router: 100 s in all, from version 2 on, which stands behind the tenth step.
  times.router.step_seconds = 20.0;
  times.scores.clear();
  add_batches(times, 4.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), 10.0 + 1.0 + 100.0);
}

TEST(CriticalPath, CannotDoMoreThanWhatIsShared) {
  PipelineTimes times;
  times.num_scorers = 4;
  times.experts = {{30, 10, 1.0}, {30, 10, 1.0}};
  times.num_shared = 2;
  add_batches(times, 8.0);
  EXPECT_DOUBLE_EQ(critical_path_seconds(times), (80.0 + 60.0) / 2);
}

}  // namespace
}  // namespace midpo
