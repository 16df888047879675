// SPDX-License-Identifier: Apache-2.0
#include "models/preference/pair_choice.h"

#include <string>

#include "runtime/core/error.h"

namespace midpo {
namespace {

std::int32_t required_id(const std::optional<std::int32_t>& id, const char* name) {
  if (!id) throw Error(ErrorCode::kData, std::string(name) + " is missing or null");
  return *id;
}

bool is_safe(const PairLabels& labels, std::size_t response) {
  const std::optional<bool>& label = labels.is_response_safe[response];
  if (!label) {
    throw Error(ErrorCode::kData,
                "is_response_" + std::to_string(response) + "_safe is missing or null");
  }
  return *label;
}

PairChoice kept(std::int32_t winner) { return {{}, winner, 1 - winner}; }

PairChoice choose_only_safe(const PairLabels& labels) {
  const bool first = is_safe(labels, 0);
  const bool second = is_safe(labels, 1);
  if (first != second) return kept(first ? 0 : 1);
  return {first ? pair_reason::kBothSafe : pair_reason::kBothUnsafe};
}

PairChoice choose_agreed(const PairLabels& labels) {
  const std::int32_t better = required_id(labels.better_response_id, "better_response_id");
  if (labels.safer_response_id.value_or(better) != better) return {pair_reason::kLabelsDisagree};
  return kept(better);
}

PairChoice choose_safe_dpo(const PairLabels& labels) {
  const std::int32_t better = required_id(labels.better_response_id, "better_response_id");
  const bool first = is_safe(labels, 0);
  const bool second = is_safe(labels, 1);
  if (!first && !second) return {pair_reason::kBothUnsafe};
  if (first == second) return kept(better);
  return kept(first ? 0 : 1);
}

}  // namespace

PairChoice choose_pair(PairRule rule, const PairLabels& labels) {
  switch (rule) {
    case PairRule::kBetter:
      return kept(required_id(labels.better_response_id, "better_response_id"));
    case PairRule::kSafer:
      return kept(required_id(labels.safer_response_id, "safer_response_id"));
    case PairRule::kExactlyOneSafe:
      return choose_only_safe(labels);
    case PairRule::kAgreed:
      return choose_agreed(labels);
    case PairRule::kSafeDpo:
      return choose_safe_dpo(labels);
  }
  throw Error(ErrorCode::kInternal, "unknown pair rule");
}

}  // namespace midpo
