// SPDX-License-Identifier: Apache-2.0
#include "actors/online/round_desk.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "actors/row_lines.h"
#include "actors/tokenizer_actor.h"
#include "runtime/core/atomic_file.h"
#include "runtime/data/row_json.h"

namespace midpo {
namespace {

PreferenceRow preference_row(const OnlineJob& job, const WrittenRow& written,
                             std::uint64_t version) {
  const GeneratedRow& row = written.row;
  const auto& prompts = job.prompts;
  PreferenceRow made = *std::ranges::lower_bound(prompts, row.prompt->row, {}, &PreferenceRow::row);
  made.json = with_fields(written.json, {{"policy_version", std::to_string(version)}});
  for (const GeneratedResponse& response : row.responses) {
    if (made.prompt_ids.empty()) {
      made.responses.push_back(response.text);
    } else {
      made.response_ids.push_back(response.tokens);
    }
  }
  made.is_response_safe.assign(row.responses.size(), std::nullopt);
  return made;
}

/// The row with only the two responses of a pair, the winner first.
PreferenceRow pair_row(const PreferenceRow& row, const RankDecision& decision) {
  PreferenceRow pair = row;
  const auto keep = [&](auto& all) {
    if (all.empty()) return;
    all = {all[static_cast<std::size_t>(decision.winner)],
           all[static_cast<std::size_t>(decision.loser)]};
  };
  keep(pair.responses);
  keep(pair.response_ids);
  return pair;
}

RankDecision decide_row(const RankJob& ranking, Collapse collapse,
                        const std::vector<const std::vector<double>*>& values) {
  if (collapse != Collapse::kNone) {
    return {.is_kept = false, .reason = filter_reason::kIdenticalTokens};
  }
  RowEvidence evidence;
  evidence.rewards = *values[0];
  evidence.costs = *values[1];
  return decide(ranking.policy, evidence, ranking.tie_margin);
}

/// Of all responses' scores.
class Mean {
 public:
  void add(const std::vector<double>& values) {
    sum_ = std::accumulate(values.begin(), values.end(), sum_);
    count_ += static_cast<double>(values.size());
  }
  double value() const { return sum_ / std::max(count_, 1.0); }

 private:
  double sum_ = 0.0;
  double count_ = 0.0;
};

}  // namespace

RoundDesk::RoundDesk(std::shared_ptr<const OnlineJob> job) : job_(std::move(job)) {}

std::shared_ptr<TokenizedBlock> RoundDesk::candidates_block(std::uint64_t round,
                                                            Round& open) const {
  std::ranges::sort(open.rows, {},
                    [](const WrittenRow& written) { return written.row.prompt->row; });
  auto source = std::make_shared<RowBlock>();
  source->num_rows = open.rows.size();
  for (const WrittenRow& row : open.rows) {
    source->rows.push_back(preference_row(*job_, row, job_->version_of(round)));
  }
  return tokenize_block(*job_->ranking, std::move(source));
}

std::shared_ptr<const TokenizedBlock> RoundDesk::open_block(Round& round, std::uint64_t index,
                                                            std::shared_ptr<TokenizedBlock> block) {
  auto source = std::make_shared<RowBlock>(*block->source);
  source->index = index;
  block->source = std::move(source);
  KnownScores scores(job_->models.size());
  for (const std::uint32_t model : block->models) scores[model].resize(block->source->rows.size());
  round.scores[index] = std::move(scores);
  round.blocks[index] = block;
  return block;
}

std::shared_ptr<const TokenizedBlock> RoundDesk::add(const RoundPartGenerated& part) {
  const std::uint64_t wanted = job_->version_of(part.round);
  require(part.version == wanted, ErrorCode::kStalePolicy,
          part.generator + " wrote round " + std::to_string(part.round) +
              " with weights of version " + std::to_string(part.version) + ", wanted " +
              std::to_string(wanted));
  Round& round = rounds_[part.round];
  round.rows.insert(round.rows.end(), part.rows->begin(), part.rows->end());
  return close_if_complete(part.round, round);
}

std::shared_ptr<const TokenizedBlock> RoundDesk::leave_out(const PromptLeftOut& prompt) {
  Round& round = rounds_[prompt.round];
  ++round.num_left_out;
  return close_if_complete(prompt.round, round);
}

std::shared_ptr<const TokenizedBlock> RoundDesk::close_if_complete(std::uint64_t index,
                                                                   Round& round) {
  const std::size_t num_prompts = BatchPlan(job_->learner.batches).rows_of(index).size();
  if (round.rows.size() + round.num_left_out < num_prompts) return nullptr;
  return open_block(round, 2 * index, candidates_block(index, round));
}

bool RoundDesk::put(std::uint64_t block, std::uint32_t model, std::size_t first_row,
                    std::span<const std::optional<std::vector<double>>> values) {
  const auto round = rounds_.find(block / 2);
  if (round == rounds_.end()) return false;  // a second result of a finished round
  KnownScores& scores = round->second.scores.at(block);
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& slot = scores[model][first_row + i];
    if (!slot) slot = values[i];
  }
  return std::ranges::all_of(scores, [](const auto& rows) {
    return std::ranges::all_of(rows, [](const auto& row) { return row.has_value(); });
  });
}

bool RoundDesk::reject(const RowRejected& rejected) {
  const auto round = rounds_.find(rejected.block / 2);
  if (round == rounds_.end()) return false;
  const auto& rows = round->second.blocks.at(rejected.block)->source->rows;
  round->second.rejected.insert(rows[rejected.row].row);
  const std::optional<std::vector<double>> none{std::in_place};
  return put(rejected.block, rejected.model, rejected.row, {&none, 1});
}

std::vector<RoundDesk::Ranked> RoundDesk::ranked(std::uint64_t index, const Round& round) const {
  const TokenizedBlock& candidates = *round.blocks.at(2 * index);
  const KnownScores& scores = round.scores.at(2 * index);
  std::vector<Ranked> all;
  for (std::size_t i = 0; i < candidates.source->rows.size(); ++i) {
    const PreferenceRow& row = candidates.source->rows[i];
    if (round.rejected.count(row.row) == 1) continue;
    const std::vector<const std::vector<double>*> values{&*scores[0][i], &*scores[1][i]};
    all.push_back({&row, values, decide_row(*job_->ranking, candidates.collapses[i], values)});
  }
  return all;
}

std::shared_ptr<const TokenizedBlock> RoundDesk::rank(std::uint64_t index) {
  Round& round = rounds_.at(index);
  std::vector<PreferenceRow> kept;
  for (const Ranked& candidate : ranked(index, round)) {
    if (candidate.decision.is_kept) kept.push_back(pair_row(*candidate.row, candidate.decision));
  }
  auto pairs = pairs_block(std::move(kept), round);
  return round.pairs.empty() ? nullptr : open_block(round, 2 * index + 1, std::move(pairs));
}

/// The pairs as the reference model takes them, and, without its values yet, as the learner does.
std::shared_ptr<TokenizedBlock> RoundDesk::pairs_block(std::vector<PreferenceRow> kept,
                                                       Round& round) const {
  const std::uint32_t tokenizer = job_->models[job_->reference_model].tokenizer;
  auto block = std::make_shared<TokenizedBlock>();
  auto source = std::make_shared<RowBlock>();
  block->models = {job_->reference_model};
  block->tokens.resize(job_->templates.size());
  block->contents.resize(job_->templates.size());
  for (PreferenceRow& row : kept) {
    TokenizedRow pair = tokenize_row(row, job_->templates[tokenizer].get(), job_->max_length);
    if (pair.collapse != Collapse::kNone) continue;  // two texts, one sequence of this tokenizer
    TrainingRow& trained = round.pairs.emplace_back();
    trained.row = row.row;
    trained.tokens = pair.tokens;
    block->contents[tokenizer].push_back(hash_tokens(pair.tokens));
    block->packed_tokens.push_back(count_packed_tokens(pair.tokens));
    block->tokens[tokenizer].push_back(std::move(pair.tokens));
    source->rows.push_back(std::move(row));
  }
  source->num_rows = source->rows.size();
  block->source = std::move(source);
  return block;
}

RoundReady RoundDesk::finish(std::uint64_t index) {
  const auto found = rounds_.find(index);
  Round& round = found->second;
  std::string lines;
  Mean reward, cost;
  for (const auto& [row, values, decision] : ranked(index, round)) {
    lines += score_line(*job_->ranking, *row, values, decision);
    reward.add(*values[0]);
    cost.add(*values[1]);
  }
  write_file_atomically(job_->rounds_dir + "/round-" + std::to_string(index) + ".jsonl", lines);
  std::vector<TrainingRow> pairs;
  for (std::size_t i = 0; i < round.pairs.size(); ++i) {
    TrainingRow& pair = round.pairs[i];
    if (round.rejected.count(pair.row) == 1) continue;
    const std::vector<double>& reference =
        *round.scores.at(2 * index + 1)[job_->reference_model][i];
    pair.reference_chosen = reference[0];
    pair.reference_rejected = reference[1];
    pairs.push_back(std::move(pair));
  }
  const std::uint64_t version = job_->version_of(index);
  const std::vector<NamedNumber> figures{{"pairs", static_cast<double>(pairs.size())},
                                         {"scores/reward", reward.value()},
                                         {"scores/cost", cost.value()},
                                         {"policy_lag", static_cast<double>(index - version)}};
  rounds_.erase(found);
  return {index, version, std::make_shared<const std::vector<TrainingRow>>(std::move(pairs)),
          std::make_shared<const std::vector<NamedNumber>>(figures)};
}

}  // namespace midpo
