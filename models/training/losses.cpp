// SPDX-License-Identifier: Apache-2.0
#include "models/training/losses.h"

#include <cmath>

namespace midpo {
namespace {

/// -log sigmoid(x) without overflow.
double softplus_of_minus(double x) {
  return x > 0.0 ? std::log1p(std::exp(-x)) : -x + std::log1p(std::exp(x));
}

double sigmoid(double x) {
  return x > 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

/// Adds -log sigmoid(sign * x) and returns its derivative by x.
double add_sign_loss(double x, double sign, double& loss) {
  loss += softplus_of_minus(sign * x);
  return -sign * sigmoid(-sign * x);
}

}  // namespace

PairLossValue pair_loss(const PairLossOptions& options, double difference, double offset) {
  const double u = options.scale * difference + offset;
  const double epsilon = options.label_smoothing;
  switch (options.kind) {
    case PairLossKind::kSigmoid:
      return {softplus_of_minus(u), -options.scale * sigmoid(-u)};
    case PairLossKind::kIpo: {
      const double excess = difference - 1.0 / (2.0 * options.beta);
      return {excess * excess, 2.0 * excess};
    }
    case PairLossKind::kHinge:
      return u < 1.0 ? PairLossValue{1.0 - u, -options.scale} : PairLossValue{};
    case PairLossKind::kRobust: {
      const double weight = 1.0 / (1.0 - 2.0 * epsilon);
      const double loss = (1.0 - epsilon) * softplus_of_minus(u) - epsilon * softplus_of_minus(-u);
      const double slope = -(1.0 - epsilon) * sigmoid(-u) - epsilon * sigmoid(u);
      return {weight * loss, weight * options.scale * slope};
    }
  }
  return {};
}

ScoreLossValue reward_loss(double better, double worse, double regularizer) {
  ScoreLossValue value;
  const double slope = add_sign_loss(better - worse, 1.0, value.loss);
  value.loss += regularizer * 0.5 * (better * better + worse * worse);
  value.slopes = {slope + regularizer * better, -slope + regularizer * worse};
  return value;
}

ScoreLossValue cost_loss(double less_safe, double safer, std::array<bool, 2> is_unsafe,
                         double regularizer) {
  ScoreLossValue value = reward_loss(less_safe, safer, regularizer);
  value.slopes[0] += add_sign_loss(less_safe, is_unsafe[0] ? 1.0 : -1.0, value.loss);
  value.slopes[1] += add_sign_loss(safer, is_unsafe[1] ? 1.0 : -1.0, value.loss);
  return value;
}

}  // namespace midpo
