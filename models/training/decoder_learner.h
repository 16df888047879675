// SPDX-License-Identifier: Apache-2.0
// What all learners share: the decoder, its optimizer, the division of a batch into passes, state.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/engine.h"
#include "models/learner.h"
#include "models/training/adamw.h"
#include "models/training/gradient_sums.h"
#include "models/training/learner_state.h"
#include "models/training/load_decoder.h"
#include "models/training/log_prob_head.h"
#include "models/training/training_pass.h"

namespace midpo {

class DecoderLearner : public Learner {
 public:
  const ModelInfo& info() const override { return info_; }
  std::int64_t num_trained_parameters() const override;
  BatchCount count(const TrainingRow& row) const override;
  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) override;
  LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) override;
  double apply(double learning_rate) override;
  void save_state(const std::string& path) const override;
  void load_state(const std::string& path) override;
  LearnerMemory memory() const override;
  double measure_gemm_flops() const override;
  double least_flops(std::span<const TrainingRow> rows) const override;

  /// The gradients as they stand, by parameter name, outer products written out: for checks.
  std::vector<std::pair<std::string, at::Tensor>> named_gradients();

 protected:
  /// The subclass calls finish() once its own parameters are registered.
  DecoderLearner(const LearnerOptions& options, const OpenedModel& model,
                 const TrainedParts& parts);
  void finish();

  /// Called with the step's gradients, found finite, before they are cleared.
  virtual void before_step() {}
  /// What else the subclass keeps from step to step.
  virtual std::vector<NamedState> extra_state() const { return {}; }
  /// Called with all rows of an accumulate() or evaluate() before they are divided.
  virtual void begin(std::span<const TrainingRow> /*rows*/) {}
  /// Loss of rows that fit one pass and, if wanted, their gradients.
  virtual LossReport run(std::span<const TrainingRow> rows, const BatchCount& batch,
                         bool adds_gradients) = 0;
  /// Everything that run() computes for the rows, packed: for least_flops().
  virtual PackedBatch pack(std::span<const TrainingRow> rows) const = 0;
  /// FLOPs of one read in the head, forwards.
  virtual double head_flops() const = 0;
  /// Takes the parameters' present values into packed weights.
  virtual void refresh() { decoder_.refresh(); }

  const Backend& backend() const { return *decoder_.backend; }
  ParameterSet& parameters() const { return *decoder_.parameters; }

  LearnerOptions options_;
  TrainDecoder decoder_;

 private:
  LossReport run_parts(std::span<const TrainingRow> rows, const BatchCount& batch,
                       bool adds_gradients);
  void enter() const;

  Collective* collective() const { return options_.collective.get(); }
  /// Whether the optimizer's moments are spread over ranks: where all weights are trained.
  bool is_sharded() const;
  /// Per layer, where the gradients begin that are final when its backward pass is done.
  std::vector<std::size_t> find_final_gradients() const;
  /// Sums over ranks begin during the backward pass of the last part, or behind it.
  void watch_last_part();
  void start_remaining_sums();
  double gradient_norm() const;

  ModelInfo info_;
  std::unique_ptr<AdamW> optimizer_;
  std::vector<std::size_t> final_gradients_;
  std::unique_ptr<GradientSums> sums_;  ///< of the step, until its end
};

/// The rows' tokens, for packing.
std::vector<RowTokens> tokens_of(std::span<const TrainingRow> rows);

/// @throws Error(kNumerics) naming the row.
void require_finite_loss(double loss, const TrainingRow& row);

/// The model that is trained or trained upon. Weights that stay frozen are shared (WeightPool),
/// those of a model that is trained whole are the learner's own.
std::unique_ptr<OpenedModel> open_base(const LearnerOptions& options);

std::unique_ptr<Learner> make_sft_learner(const LearnerOptions& options);
std::unique_ptr<Learner> make_score_learner(const LearnerOptions& options);
std::unique_ptr<Learner> make_pair_learner(const LearnerOptions& options);
std::unique_ptr<Learner> make_router_learner(const LearnerOptions& options);

/// By LearnerOptions::objective. @throws Error kConfig, kCheckpoint, kDevice, kOutOfMemory
std::unique_ptr<Learner> make_decoder_learner(const LearnerOptions& options);

}  // namespace midpo
