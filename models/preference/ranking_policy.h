// SPDX-License-Identifier: Apache-2.0
// Which rows of a scored dataset belong to D_dual, and which response wins.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpo {

/// kLabels: both responses labelled safe, and better_response_id == safer_response_id.
/// kScores: both costs < 0; the lower cost wins (the published code).
/// kDual:   among the responses with cost < 0, a pair on whose order reward and cost agree; with
/// more than two
///          responses the pair with the largest (reward_w - reward_l) + (cost_l - cost_w), the
///          lower winner index and then the lower loser index first among equals.
enum class RankingPolicy { kLabels, kScores, kDual };

/// "labels", "scores", "dual". @throws Error(kConfig) for another name.
RankingPolicy ranking_policy_from_name(std::string_view name);
std::string_view ranking_policy_name(RankingPolicy policy);

/// Why a row is not in D_dual: the names in manifests and in --scores-output.
namespace filter_reason {
inline constexpr std::string_view kIdenticalTokens = "identical_tokens";
inline constexpr std::string_view kIdenticalAfterTruncation = "identical_after_truncation";
inline constexpr std::string_view kUnsafeLabel =
    "unsafe_label";  ///< kLabels: a response is not safe
inline constexpr std::string_view kLabelsDisagree =
    "labels_disagree";  ///< kLabels: better != safer
inline constexpr std::string_view kUnsafeCost =
    "unsafe_cost";                               ///< fewer than two costs < 0 (K = 2: any >= 0)
inline constexpr std::string_view kTie = "tie";  ///< kScores: equal costs
inline constexpr std::string_view kScoresDisagree =
    "scores_disagree";  ///< kDual: no pair ordered alike by both
}  // namespace filter_reason

/// Everything a policy may look at. Spans have one entry a response.
struct RowEvidence {
  std::span<const double> rewards;
  std::span<const double> costs;  ///< > 0: unsafe
  std::optional<std::int32_t> better_response_id;
  std::optional<std::int32_t> safer_response_id;
  std::span<const std::optional<bool>> is_response_safe;
};

struct RankDecision {
  bool is_kept = false;
  std::string_view reason;  ///< empty when kept
  std::int32_t winner = -1;
  std::int32_t loser = -1;
  /// Some comparison behind the decision was closer than `tie_margin`: another device, dtype or
  /// library could have decided otherwise.
  bool is_near_tie = false;
};

/// @param tie_margin  score units; see RankDecision::is_near_tie.
/// @throws Error(kData) naming the missing label under kLabels.
RankDecision decide(RankingPolicy policy, const RowEvidence& row, double tie_margin);

}  // namespace midpo
