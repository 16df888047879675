// SPDX-License-Identifier: Apache-2.0
// Which response of a labelled row wins, for each kind of training (docs/method.md, section Rows
// of a trainer).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace midpo {

enum class PairRule {
  kBetter,          ///< all rows; better_response_id wins
  kSafer,           ///< all rows; safer_response_id wins
  kExactlyOneSafe,  ///< rows with exactly one safe response, which wins
  kAgreed,          ///< better_response_id wins, and safer_response_id, where given, agrees
  /// Kim et al. 2025 (SafeDPO): better_response_id wins, unless it is unsafe and the other one is
  /// safe; rows with two unsafe responses are left out.
  kSafeDpo,
};

/// Reasons beside those of filter_reason (ranking_policy.h).
namespace pair_reason {
inline constexpr std::string_view kBothSafe = "both_safe";
inline constexpr std::string_view kBothUnsafe = "both_unsafe";
inline constexpr std::string_view kLabelsDisagree = "labels_disagree";
}  // namespace pair_reason

/// The labels of a row with two responses.
struct PairLabels {
  std::optional<std::int32_t> better_response_id;
  std::optional<std::int32_t> safer_response_id;
  std::span<const std::optional<bool>> is_response_safe;  ///< two entries
};

struct PairChoice {
  std::string_view reason;  ///< why the row is left out; empty: it is kept
  std::int32_t winner = 0;
  std::int32_t loser = 1;
};

/// @throws Error(kData) naming the label that the rule needs and the row lacks.
PairChoice choose_pair(PairRule rule, const PairLabels& labels);

}  // namespace midpo
