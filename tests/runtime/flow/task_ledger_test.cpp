// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/task_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>
#include <vector>

namespace midpo {
namespace {

using std::chrono::seconds;

TaskLedger::Clock::time_point at(int second) {
  return TaskLedger::Clock::time_point(seconds(second));
}

TEST(TaskLedger, GivesHomeTasksFirstAndHelpsOthersAfter) {
  TaskLedger ledger(2);
  ledger.add(0, 0, {0, 4});
  ledger.add(1, 0, {0, 4});
  ledger.add(1, 0, {4, 4});
  EXPECT_EQ(ledger.lease(1, 0, at(0))->model, 0U);
  EXPECT_EQ(ledger.lease(1, 0, at(0))->model, 1U);
  EXPECT_EQ(ledger.lease(1, 1, at(0))->rows.first, 4U);
  EXPECT_FALSE(ledger.lease(1, 1, at(0)).has_value());
}

TEST(TaskLedger, LeavesHomeForWorkThatIsWaitedForLonger) {
  TaskLedger ledger(2);
  ledger.add(0, 3, {0, 4});
  ledger.add(1, 0, {0, 4});
  ledger.add(1, 1, {0, 4});
  EXPECT_EQ(ledger.lease(1, 0, at(0))->block, 0U);  // home is three blocks ahead, of two models
  EXPECT_EQ(ledger.lease(1, 0, at(0))->block, 3U);
}

TEST(TaskLedger, FinishesATaskOnlyOnce) {
  TaskLedger ledger(1);
  ledger.add(0, 0, {0, 1});
  const Task task = *ledger.lease(1, 0, at(0));
  EXPECT_TRUE(ledger.finish(task.id));
  EXPECT_FALSE(ledger.finish(task.id));
  EXPECT_TRUE(ledger.is_idle());
}

TEST(TaskLedger, HandsALostWorkersTasksToAnother) {
  TaskLedger ledger(1);
  ledger.add(0, 0, {0, 1});
  ledger.add(0, 0, {1, 1});
  const Task lost = *ledger.lease(1, 0, at(0));
  ledger.lease(2, 0, at(0));
  ledger.release(1);
  const Task again = *ledger.lease(2, 0, at(1));
  EXPECT_EQ(again.id, lost.id);
  EXPECT_EQ(again.attempt, 1U);
}

TEST(TaskLedger, SplitsAFailedTileUntilTheBadRowIsAlone) {
  TaskLedger ledger(1);
  ledger.add(0, 5, {0, 8});
  std::set<std::uint32_t> good;
  std::optional<Task> bad;
  while (const auto task = ledger.lease(1, 0, at(0))) {
    const bool has_poison = task->rows.first <= 5 && 5 < task->rows.first + task->rows.count;
    if (has_poison) {
      if (const auto dead = ledger.fail(task->id, 3)) bad = dead;
      continue;
    }
    for (std::uint32_t i = 0; i < task->rows.count; ++i) good.insert(task->rows.first + i);
    ledger.finish(task->id);
  }
  ASSERT_TRUE(bad.has_value());
  EXPECT_EQ(bad->rows, (TileRange{5, 1}));
  EXPECT_EQ(bad->attempt, 2U);
  EXPECT_EQ(good, (std::set<std::uint32_t>{0, 1, 2, 3, 4, 6, 7}));
  EXPECT_TRUE(ledger.is_idle());
}

TEST(TaskLedger, NamesTheTaskThatIsOutTooLong) {
  TaskLedger ledger(1);
  ledger.add(0, 0, {0, 1});
  ledger.add(0, 0, {1, 1});
  ledger.lease(7, 0, at(0));
  ledger.lease(8, 0, at(5));
  EXPECT_FALSE(ledger.overdue(at(9), seconds(10)).has_value());
  const auto overdue = ledger.overdue(at(12), seconds(10));
  ASSERT_TRUE(overdue.has_value());
  EXPECT_EQ(overdue->worker, 7U);
  EXPECT_EQ(overdue->held.count(), 12.0);
}

TEST(TaskLedger, FinishesEveryRowOnceUnderRandomLossesAndFailures) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    TaskLedger ledger(3);
    std::set<std::tuple<std::uint32_t, std::uint64_t, std::uint32_t>> expected, finished;
    for (std::uint32_t model = 0; model < 3; ++model) {
      for (std::uint64_t block = 0; block < 4; ++block) {
        ledger.add(model, block, {0, 5});
        for (std::uint32_t row = 0; row < 5; ++row) expected.emplace(model, block, row);
      }
    }
    std::vector<Task> held;
    while (!ledger.is_idle()) {
      const std::uint64_t worker = random() % 4;
      if (const auto task = ledger.lease(worker, random() % 3, at(0))) held.push_back(*task);
      if (held.empty()) continue;
      const std::size_t pick = random() % held.size();
      const Task task = held[pick];
      switch (random() % 4) {
        case 0:
          ledger.release(random() % 4);
          break;
        case 1:
          ledger.fail(task.id, 1000);
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(pick));
          break;
        default:
          if (ledger.finish(task.id)) {
            for (std::uint32_t i = 0; i < task.rows.count; ++i) {
              EXPECT_TRUE(finished.emplace(task.model, task.block, task.rows.first + i).second);
            }
          }
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(pick));
      }
    }
    EXPECT_EQ(finished, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace midpo
