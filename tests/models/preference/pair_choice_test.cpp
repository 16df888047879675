// SPDX-License-Identifier: Apache-2.0
#include "models/preference/pair_choice.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Safety = std::vector<std::optional<bool>>;

PairChoice choose(PairRule rule, std::optional<int> better, std::optional<int> safer,
                  const Safety& safety) {
  return choose_pair(rule, {better, safer, safety});
}

void expect_winner(const PairChoice& choice, int winner) {
  EXPECT_EQ(choice.reason, "");
  EXPECT_EQ(choice.winner, winner);
  EXPECT_EQ(choice.loser, 1 - winner);
}

TEST(PairChoice, TakesTheBetterOrTheSaferOfEveryRow) {
  expect_winner(choose(PairRule::kBetter, 1, 0, {false, false}), 1);
  expect_winner(choose(PairRule::kSafer, 1, 0, {false, false}), 0);
}

TEST(PairChoice, KeepsForSafetyOnlyRowsWithOneSafeResponse) {
  expect_winner(choose(PairRule::kExactlyOneSafe, 0, 0, {false, true}), 1);
  expect_winner(choose(PairRule::kExactlyOneSafe, 0, 1, {true, false}), 0);
  EXPECT_EQ(choose(PairRule::kExactlyOneSafe, 0, 0, {true, true}).reason, "both_safe");
  EXPECT_EQ(choose(PairRule::kExactlyOneSafe, 0, 0, {false, false}).reason, "both_unsafe");
}

TEST(PairChoice, KeepsForTheRouterOnlyRowsWhoseLabelsAgree) {
  expect_winner(choose(PairRule::kAgreed, 1, 1, {}), 1);
  expect_winner(choose(PairRule::kAgreed, 0, std::nullopt, {}), 0);
  EXPECT_EQ(choose(PairRule::kAgreed, 0, 1, {}).reason, "labels_disagree");
}

TEST(PairChoice, TurnsPairsRoundForSafeDpo) {
  expect_winner(choose(PairRule::kSafeDpo, 0, 0, {true, true}), 0);
  expect_winner(choose(PairRule::kSafeDpo, 0, 0, {true, false}), 0);
  expect_winner(choose(PairRule::kSafeDpo, 0, 1, {false, true}), 1);
  EXPECT_EQ(choose(PairRule::kSafeDpo, 0, 1, {false, false}).reason, "both_unsafe");
}

TEST(PairChoice, NamesTheMissingLabel) {
  const auto message = [](PairRule rule, std::optional<int> better, const Safety& safety) {
    try {
      choose(rule, better, std::nullopt, safety);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(message(PairRule::kBetter, {}, {true, true}), "better_response_id is missing or null");
  EXPECT_EQ(message(PairRule::kSafer, 0, {true, true}), "safer_response_id is missing or null");
  EXPECT_EQ(message(PairRule::kExactlyOneSafe, 0, {true, std::nullopt}),
            "is_response_1_safe is missing or null");
  EXPECT_EQ(message(PairRule::kSafeDpo, {}, {true, true}), "better_response_id is missing or null");
}

}  // namespace
}  // namespace midpo
