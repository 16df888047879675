// SPDX-License-Identifier: Apache-2.0
// One learner on several ranks: rank 0's part looks like any Learner, the others follow its calls.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/learning/rank_calls.h"
#include "models/learner.h"
#include "runtime/core/collective.h"

namespace midpo {

/// Rank 0's view. A batch given in parts is computed at once when its last part has come: all ranks
/// take their shares of all of it (runtime/flow/row_shares.h), and gradients are summed over ranks
/// by the learners themselves. Reports are the sums of all ranks', and an error of any rank is
/// thrown with its number in front.
class DataParallelLearner final : public Learner {
 public:
  /// @param own  rank 0's learner, which knows the collective.
  DataParallelLearner(std::shared_ptr<Learner> own, std::shared_ptr<Collective> collective);
  /// Lets the other ranks end.
  ~DataParallelLearner() override;

  const ModelInfo& info() const override { return own_->info(); }
  std::int64_t num_trained_parameters() const override { return own_->num_trained_parameters(); }
  BatchCount count(const TrainingRow& row) const override { return own_->count(row); }
  /// An empty report until the batch's last part has come.
  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) override;
  void check_start(std::span<const TrainingRow> rows) override { own_->check_start(rows); }
  /// What is recorded of an epoch is summed with the gradients: rank 0 has all of it.
  void begin_epoch() override { own_->begin_epoch(); }
  LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) override;
  double apply(double learning_rate) override;
  void save_state(const std::string& path) const override;
  void load_state(const std::string& path) override;
  void export_weights(const std::string& directory) const override {
    own_->export_weights(directory);
  }
  LearnerMemory memory() const override { return own_->memory(); }
  std::string problem() const override { return collective_->problem(); }
  double least_flops(std::span<const TrainingRow> rows) const override {
    return own_->least_flops(rows);
  }
  double measure_gemm_flops() const override {
    return own_->measure_gemm_flops() * static_cast<double>(collective_->size());
  }

 private:
  LossReport compute(RankCall::Kind kind, std::span<const TrainingRow> rows,
                     const BatchCount& batch);
  /// Makes the call on all ranks.
  std::vector<RankOutcome> call(const RankCall& call) const;

  std::shared_ptr<Learner> own_;
  std::shared_ptr<Collective> collective_;
  std::vector<TrainingRow> rows_;  ///< of the batch so far
  BatchCount counted_;
};

/// The other ranks' part: makes rank 0's calls until it lets them end. @throws Error(kTransport) if
/// a rank is lost. Errors of calls are rank 0's to handle.
void serve_learner_rank(Learner& learner, Collective& collective);

}  // namespace midpo
