// SPDX-License-Identifier: Apache-2.0
// The gates of the mixture, trained by DPO and a regulariser on what they are at every token.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "models/checkpoint/router_writer.h"
#include "models/training/gate_means.h"
#include "models/training/pair_learner.h"

namespace midpo {

class RouterLearner : public PairLearner {
 public:
  /// @param experts what the router's config says of them
  RouterLearner(const LearnerOptions& options, const OpenedModel& model, const TrainedParts& parts,
                RouterToWrite experts);

  void check_start(std::span<const TrainingRow> rows) override;
  void take_experts(const std::string& safety_adapter,
                    const std::string& helpfulness_adapter) override;
  void begin_epoch() override { means_.begin_epoch(); }
  void export_weights(const std::string& directory) const override;

 protected:
  /// The regulariser is a mean over all tokens: all are packed and read.
  LogProbBatch pack_pairs(std::span<const RowTokens> tokens) const override {
    return pack_whole(tokens);
  }
  GateRegularizer gates_of(std::span<const RowTokens> tokens, const LogProbBatch& packed,
                           const BatchCount& batch) const override;
  void add_gates(const TrainingPass& pass, const BatchCount& batch, bool adds_gradients,
                 LossReport& report) const override;
  void before_step() override;
  std::vector<NamedState> extra_state() const override { return {{"gate_sums", means_.sums()}}; }

  /// How many gates the regulariser is a mean of, over the whole batch.
  virtual double gate_count(const BatchCount& batch) const;
  /// The gates at which the mixture is the safety expert alone, then the helpfulness expert.
  virtual std::array<double, 2> whole_gates() const { return {1.0, 1.0}; }
  virtual bool leaves_out_scale() const { return false; }

 private:
  static LogProbBatch pack_whole(std::span<const RowTokens> tokens);
  /// The mixture at constant gates against an engine that knows nothing of mixtures.
  void compare(std::span<const TrainingRow> rows, std::array<double, 2> gates,
               const std::string& adapter);

  RouterToWrite experts_;
  GateMeans means_;
};

/// As the published code trains it: log-probs counted as make_published_pair_learner() does, the
/// regulariser on layer inputs with padding, the experts without their scale, and the reference
/// computed at every step.
std::unique_ptr<Learner> make_published_router_learner(const LearnerOptions& options,
                                                       const OpenedModel& model,
                                                       const TrainedParts& parts,
                                                       RouterToWrite experts,
                                                       std::array<double, 2> scales);

}  // namespace midpo
