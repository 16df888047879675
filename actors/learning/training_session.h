// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/learning/learning_job.h"
#include "runtime/checkpoint/checkpoint_store.h"
#include "runtime/observe/metrics.h"

namespace midpo {

/// One model's way from its first step to its published weights: steps, metrics, checkpoints. Owned
/// by one thread. Continues from the newest whole checkpoint; from there on everything it computes
/// and writes has the bits of a run that was never interrupted (times aside).
class TrainingSession {
 public:
  /// @throws Error kCheckpoint (no checkpoint is whole, or one of another plan), kStorage.
  TrainingSession(const LearnerJob& job, std::shared_ptr<Learner> learner);

  const std::string& name() const { return job_.name; }
  std::uint64_t steps_done() const { return state_.global_step; }
  std::uint64_t num_steps() const { return plan_.num_steps(); }
  Learner& learner() { return *learner_; }
  std::uint64_t steps_saved() const { return saved_step_; }  ///< in the newest checkpoint
  const TrainerState& state() const { return state_; }
  /// What stopped its learner's other ranks; empty: nothing. From any thread.
  std::string problem() const { return learner_->problem(); }
  bool is_trained() const { return state_.global_step == plan_.num_steps(); }

  /// Whether the evaluation rows are to be evaluated before the next step.
  bool is_evaluation_due() const;

  /// How many batches the rows of a step or an evaluation are computed in.
  std::uint64_t num_batches(std::size_t num_rows) const;

  struct Step {
    double loss = 0.0;
    std::uint64_t num_tokens = 0;
    double least_flops = 0.0;
  };
  /// One optimizer step on the plan's rows for steps_done(); writes its metrics and, when due, a
  /// checkpoint. @throws Error(kNumerics) naming step and rows for a loss or gradient that is not
  /// finite; the state before the step is saved first.
  /// @param figures  more metrics of the step. Without rows the step changes no weights.
  Step train(std::span<const TrainingRow> rows, std::span<const NamedNumber> figures = {});

  /// Writes the metrics of the evaluation rows under TRL's eval_ names.
  void evaluate(std::span<const TrainingRow> rows);

  /// A checkpoint of what is done, unless the newest one is that.
  void save();

  /// A last checkpoint, and the weights as users load them.
  void publish();

 private:
  void restore();
  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& count);
  void check_start(const LossReport& report, std::span<const TrainingRow> rows,
                   const BatchCount& count) const;
  void log(const std::vector<NamedNumber>& values);
  std::string describe(std::span<const TrainingRow> rows) const;

  const LearnerJob& job_;
  std::shared_ptr<Learner> learner_;
  BatchPlan plan_;
  CheckpointStore checkpoints_;
  TrainerState state_;
  std::uint64_t saved_step_ = 0;
  std::size_t saved_entries_ = 0;  ///< of log_history in the newest checkpoint
  std::unique_ptr<MetricsWriter> metrics_;
  std::unique_ptr<MetricsWriter> board_;
};

}  // namespace midpo
