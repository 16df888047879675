// SPDX-License-Identifier: Apache-2.0
#include "models/generation/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

namespace midpo {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

SamplingOptions sampling(double temperature, std::int64_t top_k = 0, double top_p = 1.0) {
  return {1.0, temperature, top_k, top_p};
}

std::vector<float> random_logits(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 3.0F);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

std::vector<std::int32_t> tokens_of(const std::vector<Candidate>& candidates) {
  std::vector<std::int32_t> tokens;
  for (const Candidate& candidate : candidates) tokens.push_back(candidate.token);
  return tokens;
}

TEST(LargestLogit, IsTheFirstOfEqualOnes) {
  for (std::size_t size : {1U, 5U, 16U, 47U, 1000U}) {
    std::vector<float> logits(size, -3.0F);
    EXPECT_EQ(largest_logit(logits), 0);
    logits[size / 2] = logits[size - 1] = 2.0F;
    EXPECT_EQ(largest_logit(logits), static_cast<std::int32_t>(size / 2));
  }
}

TEST(LargestLogit, RefusesNaNAndInfinityAnywhere) {
  for (float broken : {kNaN, kInfinity, -kInfinity}) {
    for (std::size_t at : {0U, 15U, 16U, 36U}) {
      std::vector<float> logits(37, 1.0F);
      logits[at] = broken;
      EXPECT_EQ(largest_logit(logits), kNoToken);
    }
  }
}

TEST(PenalizeRepetition, DividesPositiveAndMultipliesNegativeLogits) {
  std::vector<float> logits = {2.0F, -2.0F, 3.0F};
  penalize_repetition(logits, std::vector<std::int32_t>{0, 1}, 2.0);
  EXPECT_EQ(logits, (std::vector<float>{1.0F, -4.0F, 3.0F}));
}

TEST(LogProbOf, IsTheLogSoftmax) {
  const std::vector<float> logits = {1.0F, 2.0F, 4.0F};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(4.0);
  EXPECT_NEAR(log_prob_of(logits, 1), 2.0 - std::log(sum), 1e-6);
}

TEST(DrawCandidates, AreAllTokensWithTheirSoftmaxByDefault) {
  const std::vector<float> logits = {0.0F, 1.0F, -1.0F};
  const auto candidates = draw_candidates(logits, sampling(2.0));
  EXPECT_EQ(tokens_of(candidates), (std::vector<std::int32_t>{0, 1, 2}));
  const double sum = std::exp(0.0) + std::exp(0.5) + std::exp(-0.5);
  EXPECT_NEAR(candidates[1].probability, std::exp(0.5) / sum, 1e-12);
}

TEST(DrawCandidates, TopKKeepsAllThatEqualTheKth) {
  const std::vector<float> logits = {1.0F, 3.0F, 2.0F, 2.0F, 0.0F};
  EXPECT_EQ(tokens_of(draw_candidates(logits, sampling(1.0, 2))),
            (std::vector<std::int32_t>{1, 2, 3}));
}

TEST(DrawCandidates, TopKLargerThanTheVocabularyKeepsAll) {
  EXPECT_EQ(draw_candidates(random_logits(9, 1), sampling(1.0, 50)).size(), 9U);
}

TEST(DrawCandidates, TopPKeepsTheTokenThatReachesP) {
  // Probabilities 0.5, 0.3, 0.2.
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  EXPECT_EQ(draw_candidates(logits, sampling(1.0, 0, 0.4)).size(), 1U);
  EXPECT_EQ(draw_candidates(logits, sampling(1.0, 0, 0.6)).size(), 2U);
  EXPECT_EQ(draw_candidates(logits, sampling(1.0, 0, 0.9)).size(), 3U);
}

TEST(DrawCandidates, TopPOfZeroKeepsTheLikeliest) {
  const auto candidates = draw_candidates(random_logits(300, 2), sampling(1.0, 0, 0.0));
  ASSERT_EQ(candidates.size(), 1U);
  EXPECT_EQ(candidates[0].probability, 1.0);
}

/// The definition: sort everything, then keep while those before have not reached p.
TEST(DrawCandidates, TopPEqualsItsDefinitionOnLargeVocabularies) {
  for (double top_p : {0.3, 0.9, 0.999, 0.9999999}) {
    const std::vector<float> logits = random_logits(5000, 3);
    auto sorted = draw_candidates(logits, sampling(3.0));
    std::stable_sort(sorted.begin(), sorted.end(), [](const Candidate& a, const Candidate& b) {
      return a.probability > b.probability;
    });
    double before = 0.0;
    std::vector<std::int32_t> wanted;
    for (const Candidate& candidate : sorted) {
      if (before >= top_p) break;
      wanted.push_back(candidate.token);
      before += candidate.probability;
    }
    EXPECT_EQ(tokens_of(draw_candidates(logits, sampling(3.0, 0, top_p))), wanted);
  }
}

TEST(NextToken, IsGreedyAtTemperatureZero) {
  std::vector<float> logits = {0.0F, 5.0F, 4.0F};
  EXPECT_EQ(next_token(logits, {}, sampling(0.0), {}), 1);
}

TEST(NextToken, PenaltyComesBeforeTheChoice) {
  std::vector<float> logits = {0.0F, 5.0F, 4.0F};
  const std::vector<std::int32_t> seen = {1};
  EXPECT_EQ(next_token(logits, seen, {1.5, 0.0, 0, 1.0}, {}), 2);
}

TEST(NextToken, RefusesBrokenLogits) {
  std::vector<float> logits = {0.0F, kNaN};
  EXPECT_EQ(next_token(logits, {}, sampling(1.0), {}), kNoToken);
}

TEST(NextToken, FrequenciesFollowTheProbabilities) {
  const std::vector<float> logits = {std::log(0.6F), std::log(0.3F), std::log(0.1F)};
  std::array<int, 3> counts{};
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> copy = logits;
    const DrawName name{1, 2, 3, static_cast<std::uint64_t>(i)};
    ++counts[static_cast<std::size_t>(next_token(copy, {}, sampling(1.0), name))];
  }
  // Five standard deviations.
  EXPECT_NEAR(counts[0], 0.6 * kDraws, 5 * std::sqrt(0.24 * kDraws));
  EXPECT_NEAR(counts[2], 0.1 * kDraws, 5 * std::sqrt(0.09 * kDraws));
}

TEST(UniformDraw, DependsOnEveryPartOfItsName) {
  std::set<double> draws;
  for (std::uint64_t a = 0; a < 4; ++a) {
    for (std::uint64_t b = 0; b < 4; ++b) {
      for (std::uint64_t c = 0; c < 4; ++c) {
        for (std::uint64_t d = 0; d < 4; ++d) draws.insert(uniform_draw({a, b, c, d}));
      }
    }
  }
  EXPECT_EQ(draws.size(), 256U);
  EXPECT_GE(*draws.begin(), 0.0);
  EXPECT_LT(*draws.rbegin(), 1.0);
}

TEST(UniformDraw, MeanAndSpreadAreThoseOfAUniformNumber) {
  double sum = 0.0;
  double squares = 0.0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = uniform_draw({5, 0, 0, static_cast<std::uint64_t>(i)});
    sum += draw;
    squares += draw * draw;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3.0, 0.005);
}

}  // namespace
}  // namespace midpo
