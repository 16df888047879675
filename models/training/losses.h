// SPDX-License-Identifier: Apache-2.0
// The losses of docs/method.md as plain functions of a row's numbers, with their derivatives.
#pragma once

#include <array>
#include <span>

#include "models/learner.h"

namespace midpo {

/// A loss and its derivatives by its arguments.
struct PairLossValue {
  double loss = 0.0;
  double slope = 0.0;  ///< by d_w - d_l
};

struct PairLossOptions {
  PairLossKind kind = PairLossKind::kSigmoid;
  double beta = 0.1;
  double scale = 0.1;  ///< of d_w - d_l inside the sigmoid; beta for all but MODPO
  double label_smoothing = 0.0;
};

/// @param difference d_w - d_l in nats; kIpo: of means over tokens.
PairLossValue pair_loss(const PairLossOptions& options, double difference, double offset);

struct ScoreLossValue {
  double loss = 0.0;
  std::array<double, 2> slopes{};  ///< by the first and the second sequence's score
};

/// -log sigmoid(r_w - r_l) + regularizer * mean(r_w^2, r_l^2).
ScoreLossValue reward_loss(double better, double worse, double regularizer);

/// -log sigmoid(c_u - c_s) - log sigmoid(s_u c_u) - log sigmoid(s_s c_s) + regularizer *
/// mean(squares), s = +1 for a sequence labelled unsafe, else -1.
ScoreLossValue cost_loss(double less_safe, double safer, std::array<bool, 2> is_unsafe,
                         double regularizer);

}  // namespace midpo
