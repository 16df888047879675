// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/work_desk.h"

#include <gtest/gtest.h>

namespace midpo {
namespace {

using std::chrono::seconds;

WorkDesk::Clock::time_point at(int second) { return WorkDesk::Clock::time_point(seconds(second)); }

WorkDesk desk_with_one_row() {
  WorkDesk desk(1, {});
  desk.add(0, 0, {5, 1});
  return desk;
}

TEST(WorkDesk, AnswersPullsInOrderAndKeepsTheRest) {
  WorkDesk desk(1, {});
  desk.pull(2, 2);
  desk.pull(1);
  EXPECT_TRUE(desk.hand_out(at(0), false).empty());
  desk.add(0, 0, {0, 4});
  const auto given = desk.hand_out(at(0), false);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].worker, 2U);
  EXPECT_EQ(desk.num_idle(), 2U);
}

TEST(WorkDesk, ForgetsThePullsOfALostWorkerAndGivesItsTaskToAnother) {
  WorkDesk desk = desk_with_one_row();
  desk.pull(1, 2);
  desk.hand_out(at(0), false);
  desk.lose(1);
  EXPECT_EQ(desk.num_idle(), 0U);
  desk.pull(2);
  EXPECT_EQ(desk.hand_out(at(1), false).front().worker, 2U);
}

TEST(WorkDesk, CopiesWhatIsHeldForLongOnceForAnIdleWorker) {
  WorkDesk desk = desk_with_one_row();
  desk.pull(1);
  const auto first = desk.hand_out(at(0), true);
  desk.pull(1);
  desk.pull(2, 2);
  EXPECT_TRUE(desk.hand_out(at(1), true).empty());
  EXPECT_EQ(desk.next_copy(at(1)), at(2));
  EXPECT_TRUE(desk.hand_out(at(2), false).empty());
  const auto copies = desk.hand_out(at(2), true);
  ASSERT_EQ(copies.size(), 1U);
  EXPECT_TRUE(copies[0].is_copy);
  EXPECT_EQ(copies[0].worker, 2U);
  EXPECT_EQ(copies[0].task.id, first[0].task.id);
  EXPECT_TRUE(desk.finish(first[0].task.id).has_value());
  EXPECT_FALSE(desk.finish(first[0].task.id).has_value());
}

TEST(WorkDesk, CopiesAgainWhenTheCopierIsLost) {
  WorkDesk desk = desk_with_one_row();
  desk.pull(1);
  desk.hand_out(at(0), true);
  desk.pull(2);
  desk.hand_out(at(2), true);
  desk.lose(2);
  desk.pull(3);
  ASSERT_EQ(desk.hand_out(at(3), true).size(), 1U);
}

TEST(WorkDesk, GivesUpARowThatKilledThreeWorkers) {
  WorkDesk desk = desk_with_one_row();
  for (WorkDesk::WorkerId worker = 1; worker <= 3; ++worker) {
    desk.pull(worker);
    const auto task = desk.hand_out(at(0), false).front().task;
    desk.lose(worker);
    const auto dead = desk.blame(task.id);
    ASSERT_EQ(dead.has_value(), worker == 3);
    if (worker == 3) {
      EXPECT_EQ(dead->rows, (TileRange{5, 1}));
    }
  }
  EXPECT_TRUE(desk.is_idle());
}

TEST(WorkDesk, PartsTheRowsOfATaskWhoseWorkerDied) {
  WorkDesk desk(1, {});
  desk.add(0, 0, {0, 4});
  desk.pull(1);
  const auto task = desk.hand_out(at(0), false).front().task;
  desk.lose(1);
  EXPECT_FALSE(desk.blame(task.id).has_value());
  desk.pull(2, 4);
  const auto given = desk.hand_out(at(0), false);
  ASSERT_EQ(given.size(), 2U);
  EXPECT_EQ(given[0].task.rows, (TileRange{0, 2}));
  EXPECT_EQ(given[1].task.rows, (TileRange{2, 2}));
}

TEST(WorkDesk, BlamesNoTaskThatAnotherWorkerHasComputed) {
  WorkDesk desk = desk_with_one_row();
  desk.pull(1);
  const auto task = desk.hand_out(at(0), false).front().task;
  desk.finish(task.id);
  for (int death = 0; death < 3; ++death) EXPECT_FALSE(desk.blame(task.id).has_value());
}

TEST(WorkDesk, TriesARowAgainThatFailedForNoFaultOfItsOwn) {
  WorkDesk desk = desk_with_one_row();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    desk.pull(1);
    const auto task = desk.hand_out(at(0), false).front().task;
    EXPECT_EQ(desk.fail(task.id, false).has_value(), attempt == 3);
  }
}

}  // namespace
}  // namespace midpo
