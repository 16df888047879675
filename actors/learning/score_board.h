// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "actors/learning/learning_job.h"

namespace midpo {

/// What is known of a training job's rows, and the rows as their learners want them. Not
/// thread-safe. What it composes depends on the rows and their scores alone, never on the order in
/// which these came.
class ScoreBoard {
 public:
  explicit ScoreBoard(std::shared_ptr<const LearningJob> job);

  /// Values of a row's sequences under a model. @return false if they were known already.
  bool put(std::uint32_t model, std::uint32_t row, const std::vector<double>& values);

  /// The row has no value under the model, and never will.
  void reject(std::uint32_t model, std::uint32_t row) { rejected_.insert({model, row}); }

  bool is_known(std::uint32_t model, std::uint32_t row) const;

  /// Whether everything the learner needs of the row is known, or the row is rejected.
  bool is_settled(const LearnerJob& learner, const ChosenRow& row) const;

  /// Whether the learner has to do without the row.
  bool is_rejected(const LearnerJob& learner, const ChosenRow& row) const;

  /// @param row  is_settled() and not is_rejected()
  TrainingRow compose(const LearnerJob& learner, const ChosenRow& row) const;

 private:
  std::shared_ptr<const LearningJob> job_;
  std::vector<std::vector<std::array<double, 2>>> values_;      ///< [model][row], NaN: unknown
  std::set<std::pair<std::uint32_t, std::uint32_t>> rejected_;  ///< (model, row)
};

}  // namespace midpo
