// SPDX-License-Identifier: Apache-2.0
#include "models/spin_team.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace midpo {
namespace {

class SpinTeam : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(3); }
  void TearDown() override { at::set_num_threads(1); }
};

TEST_F(SpinTeam, EveryPartIsDoneOnceInEveryRound) {
  std::vector<int> done(100, 0);
  with_spin_team([&] {
    for (int round = 0; round < 1000; ++round) {
      spin_share(100, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++done[static_cast<std::size_t>(i)];
      });
    }
  });
  for (int count : done) ASSERT_EQ(count, 1000);
}

TEST_F(SpinTeam, AllMembersTakePart) {
  std::atomic<int> num_parts{0};
  with_spin_team([&] {
    EXPECT_TRUE(has_spin_team());
    spin_share(9, 3, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(end - begin, 3);
      ++num_parts;
      while (num_parts < 3) {  // ends only when all three are at work at once
      }
    });
  });
  EXPECT_EQ(num_parts, 3);
  EXPECT_FALSE(has_spin_team());
}

TEST_F(SpinTeam, LittleWorkIsNotDivided) {
  int num_parts = 0;
  with_spin_team([&] { spin_share(9, 8, [&](std::int64_t, std::int64_t) { ++num_parts; }); });
  EXPECT_EQ(num_parts, 1);
}

TEST_F(SpinTeam, WhatAMemberThrowsReachesTheCaller) {
  for (std::int64_t part : {0, 1, 2}) {
    EXPECT_THROW(with_spin_team([&] {
                   spin_share(3, 1, [&](std::int64_t begin, std::int64_t) {
                     if (begin == part) throw std::runtime_error("part");
                   });
                 }),
                 std::runtime_error);
  }
}

TEST_F(SpinTeam, WithoutATeamTheWorkIsDoneAsWell) {
  std::atomic<std::int64_t> sum{0};
  spin_share(10, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) sum += i;
  });
  EXPECT_EQ(sum, 45);
}

}  // namespace
}  // namespace midpo
