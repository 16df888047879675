// SPDX-License-Identifier: Apache-2.0
#include "models/preference/ranking_policy.h"

#include <cmath>

#include "runtime/core/error.h"

namespace midpo {
namespace {

RankDecision filtered(std::string_view reason, bool is_near_tie = false) {
  return {.is_kept = false, .reason = reason, .is_near_tie = is_near_tie};
}

RankDecision decide_by_labels(const RowEvidence& row) {
  if (!row.better_response_id || !row.safer_response_id) {
    throw Error(ErrorCode::kData, "policy labels needs better_response_id and safer_response_id");
  }
  for (const std::optional<bool>& is_safe : row.is_response_safe) {
    if (!is_safe) throw Error(ErrorCode::kData, "policy labels needs is_response_<i>_safe");
    if (!*is_safe) return filtered(filter_reason::kUnsafeLabel);
  }
  if (*row.better_response_id != *row.safer_response_id) {
    return filtered(filter_reason::kLabelsDisagree);
  }
  const std::int32_t winner = *row.better_response_id;
  return {.is_kept = true, .reason = {}, .winner = winner, .loser = 1 - winner};
}

bool any_close_to_zero(std::span<const double> values, double margin) {
  for (const double value : values) {
    if (std::abs(value) < margin) return true;
  }
  return false;
}

RankDecision decide_by_scores(const RowEvidence& row, double tie_margin) {
  const bool near_zero = any_close_to_zero(row.costs, tie_margin);
  for (const double cost : row.costs) {
    if (!(cost < 0.0)) return filtered(filter_reason::kUnsafeCost, near_zero);
  }
  const double difference = row.costs[0] - row.costs[1];
  if (difference == 0.0) return filtered(filter_reason::kTie, true);
  const std::int32_t winner = difference < 0.0 ? 0 : 1;
  return {.is_kept = true,
          .reason = {},
          .winner = winner,
          .loser = 1 - winner,
          .is_near_tie = near_zero || std::abs(difference) < tie_margin};
}

/// The best ordered pair among the safe responses; winner = -1 when there is none.
RankDecision best_dual_pair(const RowEvidence& row, double tie_margin) {
  RankDecision best = filtered(filter_reason::kScoresDisagree);
  double best_margin = 0.0;
  const auto count = static_cast<std::int32_t>(row.costs.size());
  for (std::int32_t w = 0; w < count; ++w) {
    for (std::int32_t l = 0; l < count; ++l) {
      if (!(row.costs[w] < 0.0) || !(row.costs[l] < 0.0)) continue;
      const double reward_gain = row.rewards[w] - row.rewards[l];
      const double cost_gain = row.costs[l] - row.costs[w];
      const bool is_close =
          w != l && (std::abs(reward_gain) < tie_margin || std::abs(cost_gain) < tie_margin);
      if (count == 2 && is_close) best.is_near_tie = true;
      if (!(reward_gain > 0.0) || !(cost_gain > 0.0)) continue;
      if (best.is_kept && reward_gain + cost_gain <= best_margin) continue;
      best_margin = reward_gain + cost_gain;
      best = {.is_kept = true, .reason = {}, .winner = w, .loser = l, .is_near_tie = is_close};
    }
  }
  return best;
}

RankDecision decide_by_both(const RowEvidence& row, double tie_margin) {
  std::size_t num_safe = 0;
  for (const double cost : row.costs) num_safe += cost < 0.0 ? 1 : 0;
  const bool near_zero = any_close_to_zero(row.costs, tie_margin);
  if (num_safe < 2) return filtered(filter_reason::kUnsafeCost, near_zero);
  RankDecision decision = best_dual_pair(row, tie_margin);
  decision.is_near_tie = decision.is_near_tie || near_zero;
  return decision;
}

}  // namespace

RankingPolicy ranking_policy_from_name(std::string_view name) {
  if (name == "labels") return RankingPolicy::kLabels;
  if (name == "scores") return RankingPolicy::kScores;
  if (name == "dual") return RankingPolicy::kDual;
  throw Error(ErrorCode::kConfig,
              "policy is " + std::string(name) + ", must be one of: labels, scores, dual");
}

std::string_view ranking_policy_name(RankingPolicy policy) {
  if (policy == RankingPolicy::kLabels) return "labels";
  return policy == RankingPolicy::kScores ? "scores" : "dual";
}

RankDecision decide(RankingPolicy policy, const RowEvidence& row, double tie_margin) {
  switch (policy) {
    case RankingPolicy::kLabels:
      return decide_by_labels(row);
    case RankingPolicy::kScores:
      return decide_by_scores(row, tie_margin);
    case RankingPolicy::kDual:
      return decide_by_both(row, tie_margin);
  }
  throw Error(ErrorCode::kInternal, "unknown ranking policy");
}

}  // namespace midpo
