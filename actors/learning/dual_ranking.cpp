// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/dual_ranking.h"

#include "actors/ranker_actor.h"
#include "actors/tokenizer_actor.h"

namespace midpo {
namespace {

RowRequirements pairs_only() {
  RowRequirements wanted;
  wanted.min_responses = 2;
  wanted.max_responses = 2;
  return wanted;
}

}  // namespace

DualRanking::DualRanking(std::shared_ptr<const RankJob> job)
    : job_(std::move(job)),
      reader_(open_rows(job_->input_paths, job_->block_rows, job_->on_bad_row, pairs_only())),
      files_(open_outputs(*job_, {})),
      scores_(job_->models.size()),
      rejected_(job_->models.size()) {
  read_block();
}

void DualRanking::put(std::uint32_t model, ContentHash content, const std::vector<double>& values) {
  scores_[model].emplace(content, values);
}

void DualRanking::reject(std::uint32_t model, ContentHash content, const std::string& reason) {
  scores_[model].emplace(content, std::vector<double>{});
  rejected_[model].emplace(content, reason);
}

/// Of several models the first one's, since they answer in any order.
std::string DualRanking::rejection_of(std::size_t row) const {
  for (std::size_t m = 0; m < rejected_.size(); ++m) {
    const auto found = rejected_[m].find(open_->contents[job_->models[m].tokenizer][row]);
    if (found != rejected_[m].end()) return found->second;
  }
  return {};
}

/// @return false behind the last block.
bool DualRanking::read_block() {
  if (open_ && open_->source->is_last) return false;
  open_ = tokenize_block(*job_, reader_->next_block());
  if (open_->source->is_last) reader_->check_unchanged();
  return true;
}

/// @return false while a score of the open block is missing.
bool DualRanking::take_scores() {
  open_scores_.assign(scores_.size(), {});
  for (std::size_t m = 0; m < scores_.size(); ++m) {
    for (const ContentHash& content : open_->contents[job_->models[m].tokenizer]) {
      const auto found = scores_[m].find(content);
      if (found == scores_[m].end()) return false;
      open_scores_[m].emplace_back(found->second);
    }
  }
  return true;
}

void DualRanking::advance() {
  while (!is_finished_ && take_scores()) {
    OpenBlock open{open_, std::move(open_scores_), {}, 0};
    for (std::size_t row = 0; row < open_->source->rows.size(); ++row) {
      open.rejections.push_back(rejection_of(row));
    }
    const auto ranked = rank_block(*job_, open);
    append_block(*job_, *ranked, files_);
    counters_.add(*ranked);
    if (read_block()) continue;
    for (const auto& file : files_) file->publish();
    is_finished_ = true;
  }
}

}  // namespace midpo
