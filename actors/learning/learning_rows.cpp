// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/model_options.h"
#include "actors/parallel.h"
#include "actors/row_lines.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 1024;

/// The index of the losing response where a row has more than two: midpo rank adds it to D_dual.
std::int32_t rejected_response(const PreferenceRow& row) {
  const auto fields = nlohmann::json::parse(row.json);
  const auto found = fields.find("rejected_response_id");
  const std::string count = std::to_string(row.num_responses());
  require(found != fields.end() && found->is_number_integer(), ErrorCode::kData,
          "has " + count + " responses and no rejected_response_id; training takes pairs");
  const auto id = found->get<std::int64_t>();
  require(id >= 0 && id < static_cast<std::int64_t>(row.num_responses()), ErrorCode::kData,
          "rejected_response_id is " + std::to_string(id) + ", must be below " + count);
  return static_cast<std::int32_t>(id);
}

/// The row with its winner and rejected response alone, in the file's order.
PreferenceRow as_pair(PreferenceRow row) {
  if (row.num_responses() == 2) return row;
  require(row.better_response_id.has_value(), ErrorCode::kData,
          "better_response_id is missing or null");
  const std::int32_t winner = *row.better_response_id;
  const std::int32_t rejected = rejected_response(row);
  require(winner != rejected, ErrorCode::kData,
          "rejected_response_id is the same as better_response_id");
  const bool is_agreed = row.safer_response_id.value_or(winner) == winner;
  const std::array<std::size_t, 2> kept{static_cast<std::size_t>(std::min(winner, rejected)),
                                        static_cast<std::size_t>(std::max(winner, rejected))};
  PreferenceRow pair = row;
  pair.responses.clear();
  pair.response_ids.clear();
  pair.is_response_safe.clear();
  for (const std::size_t i : kept) {
    if (row.is_tokenized()) pair.response_ids.push_back(row.response_ids[i]);
    if (!row.is_tokenized()) pair.responses.push_back(row.responses[i]);
    pair.is_response_safe.push_back(row.is_response_safe[i]);
  }
  pair.better_response_id = winner < rejected ? 0 : 1;
  if (row.safer_response_id) {
    pair.safer_response_id = is_agreed ? *pair.better_response_id : 1 - *pair.better_response_id;
  }
  return pair;
}

void add_tokens(const PreferenceRow& row, const LearningJob& job, LearningRow& made) {
  for (const auto& prompt_template : job.templates) {
    TokenizedRow tokenized = tokenize_row(row, prompt_template.get(), job.max_length);
    if (made.tokens.empty()) made.collapse = tokenized.collapse;
    made.contents.push_back(hash_tokens(tokenized.tokens));
    made.tokens.push_back(std::move(tokenized.tokens));
  }
  made.packed_tokens = count_packed_tokens(made.tokens.front());
}

LearningRow make_pair_row(const PreferenceRow& source, const LearningJob& job) {
  const PreferenceRow row = as_pair(source);
  LearningRow made;
  made.row = row.row;
  made.position = row.position;
  add_tokens(row, job, made);
  made.better_response_id = row.better_response_id;
  made.safer_response_id = row.safer_response_id;
  std::ranges::copy(row.is_response_safe, made.is_response_safe.begin());
  return made;
}

LearningRow make_dialogue_row(const PreferenceRow& row, const LearningJob& job) {
  LearningRow made;
  made.row = row.row;
  made.position = row.position;
  const bool has_template = !row.is_tokenized() && !row.is_plain_text;
  if (has_template && job.templates.front()) {
    EncodedDialogue dialogue =
        job.templates.front()->encode_dialogue(row.prompt_turns, row.responses.front());
    made.tokens.push_back({{std::move(dialogue.text.ids)}});
    made.answers = std::move(dialogue.answers);
  } else {
    add_tokens(row, job, made);
    const auto size = static_cast<std::uint32_t>(made.tokens.front().sequences.front().size());
    const auto prompt = static_cast<std::uint32_t>(row.prompt_ids.size());
    if (std::max(1U, prompt) < size) made.answers = {{std::max(1U, prompt), size}};
  }
  made.packed_tokens = count_packed_tokens(made.tokens.front());
  return made;
}

void quarantine(const PreferenceRow& row, const std::string& reason, RowSet& set) {
  ++set.quarantined;
  set.quarantine_lines += quarantine_line({row.row, row.position, reason, row.json});
}

/// Tokenises a block's rows and appends them, or their quarantine lines, in order.
void add_block(const RowBlock& block, bool is_dialogue, LearningJob& job, RowSet& set) {
  std::vector<LearningRow> made(block.rows.size());
  std::vector<std::string> problems(block.rows.size());
  parallel_for(block.rows.size(), num_cores(), [&](std::size_t i) {
    try {
      made[i] =
          is_dialogue ? make_dialogue_row(block.rows[i], job) : make_pair_row(block.rows[i], job);
    } catch (const Error& error) {
      if (job.on_bad_row == BadRowPolicy::kFail) {
        throw Error(error.code(), row_place(job, block.rows[i].position) + ": " + error.what() +
                                      "; fix the row or pass --on-bad-row quarantine");
      }
      problems[i] = error.what();
    }
  });
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (!problems[i].empty()) {
      quarantine(block.rows[i], problems[i], set);
    } else {
      job.rows.push_back(std::move(made[i]));
    }
  }
  for (const BadRow& bad : block.bad_rows) set.quarantine_lines += quarantine_line(bad);
  set.quarantined += block.bad_rows.size();
  set.rows_in += block.num_rows;
}

PairChoice choose(const LearningRow& row, const RowWish& wish) {
  if (row.collapse == Collapse::kIdentical) return {filter_reason::kIdenticalTokens};
  if (row.collapse == Collapse::kAfterTruncation) {
    return {filter_reason::kIdenticalAfterTruncation};
  }
  if (wish.objective == Objective::kSft) {
    return {row.answers.empty() ? std::string_view("no_answer_tokens") : std::string_view()};
  }
  const PairChoice choice =
      choose_pair(wish.rule, {row.better_response_id, row.safer_response_id, row.is_response_safe});
  for (std::size_t i = 0; wish.objective == Objective::kCost && i < 2; ++i) {
    require(row.is_response_safe[i].has_value(), ErrorCode::kData,
            "is_response_" + std::to_string(i) + "_safe is missing or null");
  }
  return choice;
}

}  // namespace

RowSet read_rows(const std::vector<std::string>& paths, bool is_dialogue, LearningJob& job) {
  RowSet set;
  RowRequirements wanted;
  wanted.min_responses = is_dialogue ? 1 : 2;
  if (is_dialogue) wanted.max_responses = 1;
  const auto reader = open_rows(paths, kBlockRows, job.on_bad_row, wanted);
  const auto first_file = static_cast<std::uint32_t>(job.input_paths.size());
  job.input_paths.insert(job.input_paths.end(), paths.begin(), paths.end());
  set.begin = static_cast<std::uint32_t>(job.rows.size());
  for (bool is_last = false; !is_last;) {
    const auto block = reader->next_block();
    is_last = block->is_last;
    for (PreferenceRow& row : block->rows) row.position.file += first_file;
    for (BadRow& row : block->bad_rows) row.position.file += first_file;
    add_block(*block, is_dialogue, job, set);
  }
  reader->check_unchanged();
  set.end = static_cast<std::uint32_t>(job.rows.size());
  set.files = reader->files();
  return set;
}

std::vector<ChosenRow> choose_rows(const LearningJob& job, const RowSet& set, const RowWish& wish,
                                   RowTally& tally) {
  std::vector<ChosenRow> chosen;
  tally.rows_in += set.rows_in;
  tally.quarantined += set.quarantined;
  for (std::uint32_t index = set.begin; index < set.end; ++index) {
    const LearningRow& row = job.rows[index];
    try {
      const PairChoice choice = choose(row, wish);
      if (choice.reason.empty()) {
        chosen.push_back({index, choice.winner, choice.loser});
      } else {
        ++tally.filtered[std::string(choice.reason)];
      }
    } catch (const Error& error) {
      throw Error(error.code(), row_place(job, row.position) + ": " + error.what());
    }
  }
  tally.kept += chosen.size();
  return chosen;
}

}  // namespace midpo
