// SPDX-License-Identifier: Apache-2.0
// Supervised fine-tuning: mean cross-entropy of the answers' tokens.
#include <algorithm>

#include "models/packing.h"
#include "models/training/language_learner.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

bool is_trained(const TrainingRow& row, std::size_t position) {
  return std::any_of(row.trained.begin(), row.trained.end(), [&](const TokenSpan& span) {
    return span.begin <= position && position < span.end;
  });
}

class SftLearner final : public LanguageLearner {
 public:
  SftLearner(const LearnerOptions& options, const OpenedModel& model, const TrainedParts& parts)
      : LanguageLearner(options, model, parts) {
    finish();
  }

  BatchCount count(const TrainingRow& row) const override {
    BatchCount count = LanguageLearner::count(row);
    count.items = 0;
    for (const TokenSpan& span : row.trained) count.items += span.end - span.begin;
    return count;
  }

 protected:
  LossReport run(std::span<const TrainingRow> rows, const BatchCount& batch,
                 bool adds_gradients) override {
    const LogProbBatch packed = pack_targets(rows);
    LossReport report;
    report.num_tokens = packed.batch.num_tokens();
    if (packed.targets.empty()) return report;
    Forward forward = this->forward(packed);
    const double share = 1.0 / static_cast<double>(batch.items);
    for (std::size_t i = 0; i < packed.targets.size(); ++i) {
      const double loss = -static_cast<double>(forward.head.log_probs[i]);
      require_finite_loss(loss, rows[packed.places[i].row]);
      report.loss += loss * share;
    }
    if (!adds_gradients) return report;
    const std::vector<float> coefficients(packed.targets.size(), static_cast<float>(-share));
    backward(forward, packed, coefficients);
    return report;
  }

  PackedBatch pack(std::span<const TrainingRow> rows) const override {
    return pack_targets(rows).batch;
  }

 private:
  static LogProbBatch pack_targets(std::span<const TrainingRow> rows) {
    std::vector<std::size_t> first;
    for (const TrainingRow& row : rows) {
      require(row.tokens.sequences.size() == 1, ErrorCode::kInternal,
              "a row of supervised fine-tuning has one sequence");
      first.push_back(row.trained.empty() ? row.tokens.sequences[0].size()
                                          : row.trained.front().begin);
    }
    LogProbBatch packed = pack_for_log_probs(tokens_of(rows), first, false);
    // Between answers there are tokens that are read on the way but are nobody's target.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < packed.targets.size(); ++i) {
      if (!is_trained(rows[packed.places[i].row], packed.places[i].position)) continue;
      packed.targets[kept] = packed.targets[i];
      packed.places[kept++] = packed.places[i];
    }
    packed.targets.resize(kept);
    packed.places.resize(kept);
    return packed;
  }
};

}  // namespace

std::unique_ptr<Learner> make_sft_learner(const LearnerOptions& options) {
  const std::unique_ptr<OpenedModel> model = open_base(options);
  const LanguageParts named = language_parts(options, *model);
  auto learner = std::make_unique<SftLearner>(options, *model, named.parts);
  model->files->check_unchanged();
  return learner;
}

}  // namespace midpo
