// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/score_board.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace midpo {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

bool is_unsafe(const LearningRow& row, std::int32_t response) {
  return !row.is_response_safe[static_cast<std::size_t>(response)].value_or(true);
}

double offset_of(const LearnerJob& learner, const LearningRow& row, const ChosenRow& chosen,
                 const std::array<double, 2>& scores) {
  PairOffsetInput pair;
  pair.winner_score = scores[static_cast<std::size_t>(chosen.winner)];
  pair.loser_score = scores[static_cast<std::size_t>(chosen.loser)];
  pair.is_winner_safe = !is_unsafe(row, chosen.winner);
  pair.is_loser_safe = !is_unsafe(row, chosen.loser);
  return pair_offset(learner.offset, pair, learner.offset_weight);
}

}  // namespace

ScoreBoard::ScoreBoard(std::shared_ptr<const LearningJob> job) : job_(std::move(job)) {
  values_.resize(job_->models.size());
  for (auto& rows : values_) rows.resize(job_->rows.size(), {kUnknown, kUnknown});
}

bool ScoreBoard::put(std::uint32_t model, std::uint32_t row, const std::vector<double>& values) {
  assert(values.size() == 2);
  if (is_known(model, row)) return false;
  values_[model][row] = {values[0], values[1]};
  return true;
}

bool ScoreBoard::is_known(std::uint32_t model, std::uint32_t row) const {
  return !std::isnan(values_[model][row][0]);
}

bool ScoreBoard::is_settled(const LearnerJob& learner, const ChosenRow& row) const {
  const auto is_answered = [&](std::optional<std::uint32_t> model) {
    return !model || is_known(*model, row.index) || rejected_.count({*model, row.index}) == 1;
  };
  return is_answered(learner.reference_model) && is_answered(learner.score_model);
}

bool ScoreBoard::is_rejected(const LearnerJob& learner, const ChosenRow& row) const {
  const auto lacks = [&](std::optional<std::uint32_t> model) {
    return model && rejected_.count({*model, row.index}) == 1;
  };
  return lacks(learner.reference_model) || lacks(learner.score_model);
}

TrainingRow ScoreBoard::compose(const LearnerJob& learner, const ChosenRow& chosen) const {
  const LearningRow& row = job_->rows[chosen.index];
  TrainingRow training;
  training.row = row.row;
  training.trained = row.answers;
  const auto& sequences = row.tokens.front().sequences;
  if (learner.objective == Objective::kSft) {
    training.tokens = row.tokens.front();
    return training;
  }
  // The cost model's first sequence is the one that costs more: the loser on safety.
  const bool is_cost = learner.objective == Objective::kCost;
  const std::int32_t first = is_cost ? chosen.loser : chosen.winner;
  const std::int32_t second = is_cost ? chosen.winner : chosen.loser;
  training.tokens.sequences = {sequences[static_cast<std::size_t>(first)],
                               sequences[static_cast<std::size_t>(second)]};
  training.is_first_unsafe = is_unsafe(row, first);
  training.is_second_unsafe = is_unsafe(row, second);
  if (learner.reference_model) {
    const auto& reference = values_[*learner.reference_model][chosen.index];
    training.reference_chosen = reference[static_cast<std::size_t>(first)];
    training.reference_rejected = reference[static_cast<std::size_t>(second)];
  }
  std::array<double, 2> scores{};
  if (learner.score_model) scores = values_[*learner.score_model][chosen.index];
  training.offset = offset_of(learner, row, chosen, scores);
  return training;
}

}  // namespace midpo
