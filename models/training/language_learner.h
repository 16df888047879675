// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "models/training/decoder_learner.h"

namespace midpo {

/// What the options train of a language model: an adapter, fresh or begun, or all of it. `parts`
/// points into the options and this struct.
struct LanguageParts {
  std::unique_ptr<Adapter> first_adapter;
  TrainedParts parts;
};
LanguageParts language_parts(const LearnerOptions& options, const OpenedModel& model);

/// A learner of log-probabilities: decoder and language-model head, frozen or trained whole.
class LanguageLearner : public DecoderLearner {
 public:
  void export_weights(const std::string& directory) const override;

 protected:
  LanguageLearner(const LearnerOptions& options, const OpenedModel& model,
                  const TrainedParts& parts);

  /// The forward pass up to the targets' log-probabilities, and what the backward pass needs.
  struct Forward {
    TrainingPass pass;
    at::Tensor hidden_RE;
    HeadPass head;
  };
  Forward forward(const LogProbBatch& packed, GateRegularizer gates = {});

  /// Adds the gradients of sum over targets of coefficient * log_prob, and of the gates.
  void backward(Forward& forward, const LogProbBatch& packed, std::span<const float> coefficients);

  double head_flops() const override;
  void refresh() override;

 private:
  LogProbHead head_;
};

}  // namespace midpo
