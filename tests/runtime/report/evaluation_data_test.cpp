// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/evaluation_data.h"

#include <gtest/gtest.h>

#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

TEST(Tally, CountsByTheSignOfTheAdvantage) {
  Tally tally;
  for (const double advantage : {0.5, -1.0, 0.0, 2.0}) count_outcome(tally, advantage);
  EXPECT_EQ(tally, (Tally{2, 1, 1}));
}

TEST(WinRate, CountsATieAsHalf) {
  EXPECT_DOUBLE_EQ(win_rate({1, 2, 1}).mean, 0.5);
  EXPECT_DOUBLE_EQ(win_rate({3, 0, 1}).mean, 0.75);
  EXPECT_EQ(win_rate({3, 0, 1}).count, 4U);
}

TEST(EstimateOf, TreatsZerosAndOnesAsAShare) {
  const std::vector<double> ones = {1.0, 1.0, 1.0};
  EXPECT_LT(estimate_of(ones).low, 1.0);
  const std::vector<double> halves = {0.5, 0.5, 0.5};
  EXPECT_EQ(estimate_of(halves).low, 0.5);
}

TEST(EvaluationFile, ReadsBackWhatWasWritten) {
  EvaluationData data;
  data.all["reward"] = {0.1, -0.2, 0.4, 12};
  data.by_kind["harmless"]["safe"] = {1.0, 0.9, 1.0, 7};
  data.against_file = "other.jsonl";
  data.against["reward"] = {3, 2, 1};
  const EvaluationData read = parse_evaluation(evaluation_json(data));
  EXPECT_EQ(read.all.at("reward").mean, 0.1);
  EXPECT_EQ(read.all.at("reward").low, -0.2);
  EXPECT_EQ(read.by_kind.at("harmless").at("safe").count, 7U);
  EXPECT_EQ(read.against_file, "other.jsonl");
  EXPECT_EQ(read.against.at("reward"), (Tally{3, 2, 1}));
}

TEST(EvaluationFile, RefusesOtherJson) {
  EXPECT_THROW(parse_evaluation("{}"), Error);
  EXPECT_THROW(parse_evaluation("not json"), Error);
  EXPECT_THROW(parse_evaluation(R"({"all":{"reward":3},"by_kind":{}})"), Error);
}

}  // namespace
}  // namespace midpo
