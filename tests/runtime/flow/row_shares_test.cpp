// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/row_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RowShares, GiveEveryRowToOneRankInOrder) {
  std::mt19937 random(3);
  std::vector<std::int64_t> tokens(100);
  for (std::int64_t& count : tokens) count = static_cast<std::int64_t>(random() % 500);
  for (const std::size_t ranks : {1U, 2U, 3U, 7U}) {
    std::vector<std::size_t> all;
    for (const auto& share : share_rows(tokens, ranks)) {
      EXPECT_TRUE(std::ranges::is_sorted(share));
      all.insert(all.end(), share.begin(), share.end());
    }
    std::ranges::sort(all);
    std::vector<std::size_t> wanted(tokens.size());
    std::iota(wanted.begin(), wanted.end(), std::size_t{0});
    EXPECT_EQ(all, wanted);
  }
}

TEST(RowShares, BalanceTokensRatherThanRows) {
  const std::vector<std::int64_t> tokens = {10, 10, 10, 100, 10, 60};
  EXPECT_THAT(share_rows(tokens, 2), ElementsAre(ElementsAre(3), ElementsAre(0, 1, 2, 4, 5)));
}

TEST(RowShares, GiveNothingToRanksBeyondTheRows) {
  const std::vector<std::int64_t> tokens = {5};
  EXPECT_THAT(share_rows(tokens, 3), ElementsAre(ElementsAre(0), IsEmpty(), IsEmpty()));
}

TEST(RowShares, KeepTheOrderOfEquals) {
  const std::vector<std::int64_t> tokens = {7, 7, 7, 7};
  EXPECT_THAT(share_rows(tokens, 2), ElementsAre(ElementsAre(0, 2), ElementsAre(1, 3)));
}

}  // namespace
}  // namespace midpo
