// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace midpo {

struct BatchOptions {
  std::uint64_t num_rows = 0;
  std::uint64_t batch_size = 4;    ///< rows computed together
  std::uint64_t accumulation = 1;  ///< batches of one optimizer step
  double num_epochs = 1.0;         ///< may be a fraction
  std::uint64_t max_steps = 0;     ///< wins over num_epochs; 0: none
  bool shuffles = true;            ///< another order in every epoch
  std::uint64_t seed = 42;
};

/// Which rows form which optimizer step: a pure function of its options, so that a run continues
/// from a step number alone, and an overlapped run trains on the same batches as a sequential one.
/// As transformers' Trainer has it, every epoch visits every row once, and the last batch and the
/// last step of an epoch may be smaller. Not thread-safe: it keeps the order of the last epoch.
class BatchPlan {
 public:
  /// @throws Error(kConfig) for zero rows, batch size or accumulation, and for no epochs.
  explicit BatchPlan(const BatchOptions& options);

  std::uint64_t num_steps() const { return num_steps_; }
  std::uint64_t steps_per_epoch() const { return steps_per_epoch_; }
  /// Of every step but an epoch's last one.
  std::uint64_t rows_per_step() const { return options_.batch_size * options_.accumulation; }

  /// Row numbers of one optimizer step, in the order they are computed.
  std::vector<std::uint64_t> rows_of(std::uint64_t step) const;

  /// The rows of an epoch in training order: a permutation of 0 .. num_rows - 1.
  const std::vector<std::uint64_t>& order_of(std::uint64_t epoch) const;

  /// Epochs done after `steps` steps, with the fraction of the one under way.
  double epochs_after(std::uint64_t steps) const;

  const BatchOptions& options() const { return options_; }

 private:
  BatchOptions options_;
  std::uint64_t steps_per_epoch_ = 0;
  std::uint64_t num_steps_ = 0;
  mutable std::uint64_t cached_epoch_ = UINT64_MAX;
  mutable std::vector<std::uint64_t> cached_order_;
};

}  // namespace midpo
