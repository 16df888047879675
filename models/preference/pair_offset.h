// SPDX-License-Identifier: Apache-2.0
// What a pair's scores and labels add to its margin before the sigmoid, and what a loss is worth
// before any training. With d = policy - reference log-prob and u = scale (d_w - d_l) + offset, the
// losses are functions of u (models/learner.h, PairLossKind).
#pragma once

#include "models/learner.h"

namespace midpo {

enum class PairOffset {
  kNone,         ///< 0: DPO (Rafailov et al. 2023) and its relatives
  kHelpfulness,  ///< -max(r_w - r_l, 0), r = reward: SPE-DPO (MidPO 2025, arXiv 2506.02460)
  kSafety,       ///< -max(c_l - c_w, 0), c = cost, > 0 unsafe: SPE-DPO of the safety expert
  kModpo,        ///< penalty (c_w - c_l): MODPO (Zhou et al. 2024) as the published code has it
  kSafeDpo,      ///< -delta where the winner is safe and the loser is not: Kim et al. 2025
};

struct PairOffsetInput {
  double winner_score = 0.0;  ///< reward or cost, whichever the offset takes
  double loser_score = 0.0;
  bool is_winner_safe = true;
  bool is_loser_safe = true;
};

/// @param weight  kModpo: penalty; kSafeDpo: delta; else unused
double pair_offset(PairOffset kind, const PairOffsetInput& pair, double weight);

/// The loss of a pair while policy and reference are equal: what the first step with a fresh
/// adapter must show (ln 2 for plain DPO).
double untrained_pair_loss(PairLossKind kind, double offset, double beta, double label_smoothing);

}  // namespace midpo
