// SPDX-License-Identifier: Apache-2.0
#include "actors/evaluation.h"

#include <gmock/gmock.h>

#include "runtime/core/error.h"

namespace midpo {
namespace {

EvaluatedResponse response(std::uint64_t row, std::size_t sample,
                           std::map<std::string, double> numbers, const std::string& kind = "") {
  return {row, sample, "prompt " + std::to_string(row), "response", kind, std::move(numbers)};
}

TEST(Summarise, AveragesTheResponsesOfARowFirst) {
  const EvaluationData data =
      summarise({response(0, 0, {{"reward", 1.0}}), response(0, 1, {{"reward", 3.0}}),
                 response(1, 0, {{"reward", 5.0}})});
  EXPECT_DOUBLE_EQ(data.all.at("reward").mean, 3.5);
  EXPECT_EQ(data.all.at("reward").count, 2U);
}

TEST(Summarise, LeavesOutRowsWithoutANumber) {
  const EvaluationData data = summarise(
      {response(0, 0, {{"helpful", 0.5}, {"safe", 1.0}}), response(1, 0, {{"safe", 0.0}})});
  EXPECT_EQ(data.all.at("helpful").count, 1U);
  EXPECT_EQ(data.all.at("safe").count, 2U);
}

TEST(Summarise, KeepsKindsApart) {
  const EvaluationData data = summarise(
      {response(0, 0, {{"safe", 1.0}}, "harmless"), response(1, 0, {{"safe", 0.0}}, "hazardous")});
  EXPECT_EQ(data.by_kind.at("harmless").at("safe").mean, 1.0);
  EXPECT_EQ(data.by_kind.at("hazardous").at("safe").mean, 0.0);
}

TEST(Compare, PrefersHigherRewardsAndLowerCosts) {
  const Evaluator evaluator{EvaluationConfig{}};
  const auto tallies =
      evaluator.compare({response(0, 0, {{"reward", 2.0}, {"cost", 1.0}, {"tokens", 9.0}}),
                         response(1, 0, {{"reward", 0.0}, {"cost", -1.0}, {"tokens", 9.0}})},
                        {response(0, 0, {{"reward", 1.0}, {"cost", 1.0}, {"tokens", 1.0}}),
                         response(1, 0, {{"reward", 1.0}, {"cost", 0.0}, {"tokens", 1.0}})});
  EXPECT_EQ(tallies.at("reward"), (Tally{1, 0, 1}));
  EXPECT_EQ(tallies.at("cost"), (Tally{1, 1, 0}));
  EXPECT_EQ(tallies.count("tokens"), 0U);
}

TEST(Compare, NamesTheRowThatIsAnotherRequest) {
  const Evaluator evaluator{EvaluationConfig{}};
  try {
    evaluator.compare({response(4, 0, {})}, {response(5, 0, {})});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), testing::HasSubstr("row 4"));
  }
}

TEST(ResponseLines, HoldEveryNumber) {
  EXPECT_EQ(response_lines({response(7, 1, {{"cost", -0.5}, {"reward", 2.0}}, "fine")}),
            "{\"row\":7,\"sample\":1,\"prompt\":\"prompt 7\",\"response\":\"response\","
            "\"kind\":\"fine\",\"cost\":-0.5,\"reward\":2.0}\n");
}

}  // namespace
}  // namespace midpo
