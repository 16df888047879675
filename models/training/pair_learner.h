// SPDX-License-Identifier: Apache-2.0
// Losses of pairs of responses: DPO and its relatives for adapters or whole models.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/training/language_learner.h"
#include "models/training/losses.h"

namespace midpo {

/// Log-prob sums of a pair and over how many tokens.
struct PairSums {
  std::array<double, 2> log_probs{};
  std::array<std::int64_t, 2> tokens{};
};

class PairLearner : public LanguageLearner {
 public:
  /// The subclass calls finish().
  PairLearner(const LearnerOptions& options, const OpenedModel& model, const TrainedParts& parts);

 protected:
  LossReport run(std::span<const TrainingRow> rows, const BatchCount& batch,
                 bool adds_gradients) override;
  PackedBatch pack(std::span<const TrainingRow> rows) const override {
    return pack_pairs(tokens_of(rows)).batch;
  }

  /// What a call computes: by default the log-probs from the first difference on.
  virtual LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const;
  /// Log-prob sums of each row's pair under the reference model; by default the rows' own.
  virtual std::vector<std::array<double, 2>> references(std::span<const TrainingRow> rows,
                                                        const LogProbBatch& packed);
  virtual GateRegularizer gates_of(std::span<const RowTokens> /*tokens*/,
                                   const LogProbBatch& /*packed*/,
                                   const BatchCount& /*batch*/) const {
    return {};
  }
  virtual void add_gates(const TrainingPass& /*pass*/, const BatchCount& /*batch*/,
                         bool /*adds_gradients*/, LossReport& /*report*/) const {}

  static std::vector<PairSums> sum_by_row(const LogProbBatch& packed,
                                          const std::vector<float>& log_probs,
                                          std::size_t num_rows);

 private:
  std::array<float, 2> add_row(const TrainingRow& row, const PairSums& sums,
                               const std::array<double, 2>& references, const BatchCount& batch,
                               LossReport& report) const;

  PairLossOptions loss_;
};

/// Length of the batch's longest sequence: that of all when they are padded.
std::size_t padded_width(std::span<const TrainingRow> rows);

/// As the published code counts log-probs: without the term at the first difference, and for every
/// sequence shorter than its padded batch with that of a pad token after the last; the reference
/// model's are computed again at every step, from the base without the adapter.
std::unique_ptr<Learner> make_published_pair_learner(const LearnerOptions& options,
                                                     const OpenedModel& model,
                                                     const TrainedParts& parts);

}  // namespace midpo
