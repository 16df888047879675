// SPDX-License-Identifier: Apache-2.0
// The language-model head in training: log-probabilities of chosen tokens and their gradients, the
// logits of a few rows at a time. Dimensions: R read rows, P targets, E hidden, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <utility>
#include <vector>

#include "models/backend.h"
#include "models/training/train_linear.h"

namespace midpo {

/// Log-probabilities and, row by row, the gradient of each by the hidden state it is read from.
struct HeadPass {
  std::vector<float> log_probs;  ///< [P], nats
  /// [P', E] of weight * log_prob; compute dtype. Of a trained head: with weights only.
  at::Tensor gradients_PE;
};

class LogProbHead {
 public:
  explicit LogProbHead(TrainLinear linear) : linear_(std::move(linear)) {}

  /// @param weights one a target; empty: 1 each. With weights, a trained head's own gradient is
  ///   added too: it is that of sum over targets of weight * log_prob.
  HeadPass run(const ParameterSet& parameters, const at::Tensor& hidden_RE,
               std::span<const LogProbTarget> targets, std::span<const float> weights,
               const Backend& backend) const;

  void refresh(const ParameterSet& parameters) { linear_.refresh(parameters); }
  bool is_trained() const { return linear_.is_trained(); }
  std::int64_t vocab_size() const { return linear_.num_outputs(); }

 private:
  TrainLinear linear_;
};

/// Sum over a read row's targets of coefficient * gradient: [R', E] in `hidden_RE`'s shape and
/// type. @param coefficients one a target; empty: 1 each.
at::Tensor gather_gradients(const HeadPass& pass, std::span<const LogProbTarget> targets,
                            std::span<const float> coefficients, const at::Tensor& hidden_RE);

}  // namespace midpo
