// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/score_plan.h"

#include <algorithm>
#include <tuple>

namespace midpo {
namespace {

constexpr std::uint64_t kNever = UINT64_MAX;
/// Rows that are only ranked, then evaluation rows, come behind all training rows.
constexpr std::uint64_t kEvaluation = kNever - 1;
constexpr std::uint64_t kRanking = kNever - 2;

/// [row]: how urgent its score is, the smallest first.
using Urgencies = std::vector<std::uint64_t>;

std::uint64_t rows_to_train(const LearnerJob& learner) {
  const BatchPlan plan(learner.batches);
  return plan.num_steps() * plan.rows_per_step();
}

std::uint64_t most_rows_to_train(const LearningJob& job) {
  std::uint64_t most = 0;
  for (const LearnerJob& learner : job.learners) most = std::max(most, rows_to_train(learner));
  return most;
}

/// What has most training behind it comes first, so that learners that began together can end
/// together: `most` is what the learner with the most work trains on.
void note_needs(const LearnerJob& learner, std::uint64_t most, Urgencies& urgencies) {
  const BatchPlan plan(learner.batches);
  const std::uint64_t head_start = most - rows_to_train(learner);
  const std::vector<std::uint64_t>& order = plan.order_of(0);
  for (std::uint64_t place = 0; place < order.size(); ++place) {
    std::uint64_t& urgency = urgencies[learner.train[order[place]].index];
    urgency = std::min(urgency, head_start + place);
  }
  for (const ChosenRow& row : learner.eval) {
    urgencies[row.index] = std::min(urgencies[row.index], kEvaluation);
  }
}

bool is_ranked_by(const LearningJob& job, const JobModel& model) {
  return job.ranking && std::ranges::count(job.ranking->models, model.role, &JobModel::role) > 0;
}

bool is_needed_by(const LearnerJob& learner, std::uint32_t model) {
  return learner.reference_model == model || learner.score_model == model;
}

Urgencies urgencies_of(const LearningJob& job, std::uint32_t model, std::uint64_t most) {
  Urgencies urgencies(job.rows.size(), kNever);
  for (const LearnerJob& learner : job.learners) {
    if (is_needed_by(learner, model)) note_needs(learner, most, urgencies);
  }
  if (is_ranked_by(job, job.models[model])) {
    for (std::uint32_t row = 0; row < job.num_ranked; ++row) {
      urgencies[row] = std::min(urgencies[row], kRanking);
    }
  }
  return urgencies;
}

std::vector<std::uint32_t> most_urgent_first(const Urgencies& urgencies) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < urgencies.size(); ++row) {
    if (urgencies[row] != kNever) rows.push_back(row);
  }
  std::ranges::stable_sort(rows, {}, [&](std::uint32_t row) { return urgencies[row]; });
  return rows;
}

}  // namespace

std::vector<ScoreBlock> plan_scores(const LearningJob& job) {
  const std::uint64_t most = most_rows_to_train(job);
  std::vector<std::pair<std::uint64_t, ScoreBlock>> blocks;  // by urgency
  for (std::uint32_t model = 0; model < job.models.size(); ++model) {
    const Urgencies urgencies = urgencies_of(job, model, most);
    const std::vector<std::uint32_t> rows = most_urgent_first(urgencies);
    for (std::size_t begin = 0; begin < rows.size(); begin += job.block_rows) {
      const std::size_t end = std::min<std::size_t>(rows.size(), begin + job.block_rows);
      const auto first = rows.begin();
      blocks.push_back({urgencies[rows[begin]],
                        {model,
                         {first + static_cast<std::ptrdiff_t>(begin),
                          first + static_cast<std::ptrdiff_t>(end)}}});
    }
  }
  std::ranges::stable_sort(blocks, {}, [](const auto& block) { return block.first; });
  std::vector<ScoreBlock> plan;
  for (auto& [urgency, block] : blocks) plan.push_back(std::move(block));
  return plan;
}

std::vector<double> seconds_behind_scores(const LearningJob& job, std::uint32_t model,
                                          const PipelineTimes& times) {
  std::vector<double> seconds(job.rows.size(), 0.0);
  if (is_ranked_by(job, job.models[model])) {
    std::fill_n(seconds.begin(), job.num_ranked, times.router.seconds());
  }
  for (std::size_t k = 0; k < job.learners.size(); ++k) {
    const LearnerJob& learner = job.learners[k];
    if (!is_needed_by(learner, model)) continue;
    const std::vector<double> behind = seconds_behind_steps(times, k);
    const BatchPlan plan(learner.batches);
    const std::vector<std::uint64_t>& order = plan.order_of(0);
    for (std::uint64_t place = 0; place < order.size(); ++place) {
      const std::uint64_t step = place / plan.rows_per_step();
      if (step >= behind.size()) break;
      double& of_row = seconds[learner.train[order[place]].index];
      of_row = std::max(of_row, behind[step]);
    }
  }
  return seconds;
}

std::shared_ptr<const TokenizedBlock> make_score_block(const LearningJob& job,
                                                       const ScoreBlock& block,
                                                       std::uint64_t index) {
  const std::uint32_t tokenizer = job.models[block.model].tokenizer;
  auto source = std::make_shared<RowBlock>();
  auto made = std::make_shared<TokenizedBlock>();
  source->index = index;
  source->num_rows = block.rows.size();
  made->models = {block.model};
  made->tokens.resize(job.templates.size());
  made->contents.resize(job.templates.size());
  for (const std::uint32_t row_index : block.rows) {
    const LearningRow& row = job.rows[row_index];
    PreferenceRow& place = source->rows.emplace_back();
    place.row = row.row;
    place.position = row.position;
    made->tokens[tokenizer].push_back(row.tokens[tokenizer]);
    made->contents[tokenizer].push_back(row.contents[tokenizer]);
    made->packed_tokens.push_back(row.packed_tokens);
  }
  made->source = std::move(source);
  return made;
}

}  // namespace midpo
