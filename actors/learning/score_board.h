// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
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

  bool is_known(std::uint32_t model, std::uint32_t row) const;

  /// Whether everything the learner needs of the row is known.
  bool is_ready(const LearnerJob& learner, const ChosenRow& row) const;

  /// @param row  is_ready()
  TrainingRow compose(const LearnerJob& learner, const ChosenRow& row) const;

 private:
  std::shared_ptr<const LearningJob> job_;
  std::vector<std::vector<std::array<double, 2>>> values_;  ///< [model][row], NaN: unknown
};

}  // namespace midpo
