// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/batch_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Rows = std::vector<std::uint64_t>;

BatchOptions options(std::uint64_t rows, std::uint64_t batch, std::uint64_t accumulation = 1) {
  BatchOptions plan;
  plan.num_rows = rows;
  plan.batch_size = batch;
  plan.accumulation = accumulation;
  return plan;
}

TEST(BatchPlan, KeepsFileOrderWithoutShuffling) {
  BatchOptions unshuffled = options(5, 2);
  unshuffled.shuffles = false;
  const BatchPlan plan(unshuffled);
  ASSERT_EQ(plan.num_steps(), 3U);
  EXPECT_EQ(plan.rows_of(0), (Rows{0, 1}));
  EXPECT_EQ(plan.rows_of(1), (Rows{2, 3}));
  EXPECT_EQ(plan.rows_of(2), (Rows{4}));
}

TEST(BatchPlan, VisitsEachRowOnceAnEpoch) {
  BatchOptions three_epochs = options(103, 4, 3);
  three_epochs.num_epochs = 3;
  const BatchPlan plan(three_epochs);
  ASSERT_EQ(plan.num_steps(), 27U);
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t step = 0; step < 9; ++step) {
      for (const std::uint64_t row : plan.rows_of(epoch * 9 + step)) seen.insert(row);
    }
    EXPECT_EQ(seen.size(), 103U);
    EXPECT_EQ(*seen.rbegin(), 102U);
  }
}

TEST(BatchPlan, ShufflesEachEpochAnew) {
  const BatchPlan plan(options(100, 10));
  const Rows first = plan.order_of(0);
  EXPECT_NE(first, plan.order_of(1));
  EXPECT_FALSE(std::ranges::is_sorted(first));
}

TEST(BatchPlan, IsAFunctionOfItsOptionsAlone) {
  const BatchPlan plan(options(50, 4));
  const BatchPlan again(options(50, 4));
  EXPECT_EQ(again.rows_of(7), plan.rows_of(7)) << "asked for in another order";
  EXPECT_EQ(again.rows_of(0), plan.rows_of(0));
  BatchOptions other_seed = options(50, 4);
  other_seed.seed = 43;
  EXPECT_NE(BatchPlan(other_seed).order_of(0), plan.order_of(0));
}

// A recorded order: a change of it would break every run that is resumed with another version.
TEST(BatchPlan, ShufflesAsItAlwaysDid) {
  EXPECT_EQ(BatchPlan(options(8, 1)).order_of(0), (Rows{3, 6, 0, 7, 1, 2, 5, 4}));
}

TEST(BatchPlan, OrdersAllPermutationsEquallyOften) {
  std::map<Rows, int> counts;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    BatchOptions three = options(3, 1);
    three.seed = seed;
    ++counts[BatchPlan(three).order_of(seed % 5)];
  }
  ASSERT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(BatchPlan, RoundsAFractionOfAnEpochUp) {
  BatchOptions half = options(10, 2);
  half.num_epochs = 0.5;
  EXPECT_EQ(BatchPlan(half).num_steps(), 3U);
}

TEST(BatchPlan, LetsMaxStepsWinOverEpochs) {
  BatchOptions limited = options(10, 2);
  limited.max_steps = 12;
  const BatchPlan plan(limited);
  EXPECT_EQ(plan.num_steps(), 12U);
  EXPECT_EQ(plan.rows_of(11).size(), 2U);
}

TEST(BatchPlan, CountsEpochsByBatchesDone) {
  const BatchPlan plan(options(10, 2, 2));  // 5 batches, 3 steps an epoch
  EXPECT_DOUBLE_EQ(plan.epochs_after(1), 0.4);
  EXPECT_DOUBLE_EQ(plan.epochs_after(3), 1.0);
  EXPECT_DOUBLE_EQ(plan.epochs_after(5), 1.8);
}

TEST(BatchPlan, RefusesToPlanNothing) {
  EXPECT_THROW(BatchPlan(options(0, 2)), Error);
  EXPECT_THROW(BatchPlan(options(2, 0)), Error);
  EXPECT_THROW(BatchPlan(options(2, 2, 0)), Error);
  BatchOptions no_epochs = options(2, 2);
  no_epochs.num_epochs = 0;
  EXPECT_THROW(BatchPlan{no_epochs}, Error);
}

}  // namespace
}  // namespace midpo
