// SPDX-License-Identifier: Apache-2.0
#include "models/preference/pair_offset.h"

#include <algorithm>
#include <cmath>

#include "runtime/core/error.h"

namespace midpo {
namespace {

/// -log sigmoid(u), without overflow for large |u|.
double negative_log_sigmoid(double u) {
  return std::max(-u, 0.0) + std::log1p(std::exp(-std::abs(u)));
}

}  // namespace

double pair_offset(PairOffset kind, const PairOffsetInput& pair, double weight) {
  switch (kind) {
    case PairOffset::kNone:
      return 0.0;
    case PairOffset::kHelpfulness:
      return -std::max(pair.winner_score - pair.loser_score, 0.0);
    case PairOffset::kSafety:
      return -std::max(pair.loser_score - pair.winner_score, 0.0);
    case PairOffset::kModpo:
      return weight * (pair.winner_score - pair.loser_score);
    case PairOffset::kSafeDpo:
      return pair.is_winner_safe && !pair.is_loser_safe ? -weight : 0.0;
  }
  throw Error(ErrorCode::kInternal, "unknown pair offset");
}

double untrained_pair_loss(PairLossKind kind, double offset, double beta, double label_smoothing) {
  switch (kind) {
    case PairLossKind::kSigmoid:
      return negative_log_sigmoid(offset);
    case PairLossKind::kIpo:
      return 1.0 / (4.0 * beta * beta);
    case PairLossKind::kHinge:
      return std::max(0.0, 1.0 - offset);
    case PairLossKind::kRobust:
      return ((1.0 - label_smoothing) * negative_log_sigmoid(offset) -
              label_smoothing * negative_log_sigmoid(-offset)) /
             (1.0 - 2.0 * label_smoothing);
  }
  throw Error(ErrorCode::kInternal, "unknown pair loss");
}

}  // namespace midpo
