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

/// [row]: when the row is first needed.
using FirstNeeds = std::vector<std::uint64_t>;

void note_needs(const LearnerJob& learner, FirstNeeds& needs) {
  const BatchPlan plan(learner.batches);
  const std::vector<std::uint64_t>& order = plan.order_of(0);
  for (std::uint64_t place = 0; place < order.size(); ++place) {
    std::uint64_t& need = needs[learner.train[order[place]].index];
    need = std::min(need, place);
  }
  for (const ChosenRow& row : learner.eval) {
    needs[row.index] = std::min(needs[row.index], kEvaluation);
  }
}

bool is_ranked_by(const LearningJob& job, const JobModel& model) {
  return job.ranking && std::ranges::count(job.ranking->models, model.role, &JobModel::role) > 0;
}

std::vector<std::uint32_t> rows_by_need(const FirstNeeds& needs) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < needs.size(); ++row) {
    if (needs[row] != kNever) rows.push_back(row);
  }
  std::ranges::stable_sort(rows, {}, [&](std::uint32_t row) { return needs[row]; });
  return rows;
}

}  // namespace

std::vector<ScoreBlock> plan_scores(const LearningJob& job) {
  std::vector<std::pair<std::uint64_t, ScoreBlock>> blocks;  // by first need
  for (std::uint32_t model = 0; model < job.models.size(); ++model) {
    FirstNeeds needs(job.rows.size(), kNever);
    for (const LearnerJob& learner : job.learners) {
      if (learner.reference_model == model || learner.score_model == model) {
        note_needs(learner, needs);
      }
    }
    if (is_ranked_by(job, job.models[model])) {
      for (std::uint32_t row = 0; row < job.num_ranked; ++row) {
        needs[row] = std::min(needs[row], kRanking);
      }
    }
    const std::vector<std::uint32_t> rows = rows_by_need(needs);
    for (std::size_t begin = 0; begin < rows.size(); begin += job.block_rows) {
      const std::size_t end = std::min<std::size_t>(rows.size(), begin + job.block_rows);
      const auto first = rows.begin();
      blocks.push_back({needs[rows[begin]],
                        {model,
                         {first + static_cast<std::ptrdiff_t>(begin),
                          first + static_cast<std::ptrdiff_t>(end)}}});
    }
  }
  std::ranges::stable_sort(blocks, {}, [](const auto& block) { return block.first; });
  std::vector<ScoreBlock> plan;
  for (auto& [need, block] : blocks) plan.push_back(std::move(block));
  return plan;
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
