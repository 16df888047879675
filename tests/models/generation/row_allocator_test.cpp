// SPDX-License-Identifier: Apache-2.0
#include "models/generation/row_allocator.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace midpo {
namespace {

TEST(RowAllocator, GivesWhatFitsAndNothingElse) {
  RowAllocator rows(10);
  const auto first = rows.take(6);
  ASSERT_TRUE(first);
  EXPECT_FALSE(rows.take(5));
  EXPECT_TRUE(rows.take(4));
  EXPECT_EQ(rows.num_free(), 0);
}

TEST(RowAllocator, JoinsFreeNeighbours) {
  RowAllocator rows(9);
  const auto a = rows.take(3);
  const auto b = rows.take(3);
  const auto c = rows.take(3);
  ASSERT_TRUE(a && b && c);
  rows.give_back(*a);
  rows.give_back(*c);
  EXPECT_FALSE(rows.take(4));
  rows.give_back(*b);
  EXPECT_TRUE(rows.take(9));
}

TEST(RowAllocator, TakesTheSmallestThatFits) {
  RowAllocator rows(20);
  const auto large = rows.take(8);
  const auto wall = rows.take(1);
  const auto small = rows.take(3);
  const auto end = rows.take(8);
  ASSERT_TRUE(large && wall && small && end);
  rows.give_back(*large);
  rows.give_back(*small);
  EXPECT_EQ(rows.take(3)->begin, small->begin);
}

TEST(RowAllocator, NeverGivesARowTwice) {
  std::mt19937 random(7);
  RowAllocator rows(200);
  std::vector<RowRange> taken;
  std::set<std::int64_t> used;
  for (int i = 0; i < 5000; ++i) {
    if (random() % 2 == 0 || taken.empty()) {
      const auto range = rows.take(1 + static_cast<std::int64_t>(random() % 30));
      if (!range) continue;
      for (std::int64_t row = range->begin; row < range->begin + range->count; ++row) {
        ASSERT_TRUE(row >= 0 && row < 200 && used.insert(row).second);
      }
      taken.push_back(*range);
    } else {
      std::swap(taken[random() % taken.size()], taken.back());
      for (std::int64_t row = 0; row < taken.back().count; ++row) {
        used.erase(taken.back().begin + row);
      }
      rows.give_back(taken.back());
      taken.pop_back();
    }
    ASSERT_EQ(rows.num_free(), 200 - static_cast<std::int64_t>(used.size()));
  }
}

}  // namespace
}  // namespace midpo
