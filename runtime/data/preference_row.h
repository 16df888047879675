// SPDX-License-Identifier: Apache-2.0
// One row of a preference dataset, as PKU-SafeRLHF writes it, and a run of such rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace midpo {

/// Where a row stands: for messages and for resuming.
struct RowPosition {
  std::uint32_t file = 0;  ///< index into the list of input files
  std::uint64_t line = 0;  ///< 1-based line (JSONL) or 1-based element (JSON array, Parquet)
};

/// A row as read. Texts, or token ids where the row is pre-tokenised; never both.
struct PreferenceRow {
  std::uint64_t row = 0;  ///< 0-based over all inputs: the row id
  RowPosition position;
  std::string json;  ///< the row's own JSON object text, one line, extra fields included
  std::vector<std::string> prompt_turns;  ///< one text, or alternating user/assistant turns
  std::vector<std::string> responses;     ///< K texts
  std::vector<std::int32_t> prompt_ids;
  std::vector<std::vector<std::int32_t>> response_ids;  ///< K lists; not empty = pre-tokenised
  std::optional<std::int32_t> better_response_id;
  std::optional<std::int32_t> safer_response_id;
  std::vector<std::optional<bool>> is_response_safe;  ///< K entries
  /// A `text` row: responses[0] verbatim, no prompt and no template. Where only prompts are read:
  /// prompt_turns[0] verbatim.
  bool is_plain_text = false;

  bool is_tokenized() const { return !response_ids.empty(); }
  std::size_t num_responses() const {
    return is_tokenized() ? response_ids.size() : responses.size();
  }
};

/// A row that could not be read.
struct BadRow {
  std::uint64_t row = 0;
  RowPosition position;
  std::string reason;  ///< names the field and what is wrong with it; always valid UTF-8
  std::string raw;     ///< the bytes as found; of a row over the size limit only the beginning
};

/// A contiguous run of rows in input order: every row id of [first_row, first_row + num_rows) is
/// in exactly one of the two lists.
struct RowBlock {
  std::uint64_t index = 0;  ///< 0-based block number
  std::uint64_t first_row = 0;
  std::uint64_t num_rows = 0;
  std::vector<PreferenceRow> rows;
  std::vector<BadRow> bad_rows;
  bool is_last = false;  ///< no row follows
};

/// What the rows of a job must have.
struct RowRequirements {
  bool needs_labels = false;  ///< better/safer ids and safety labels (policy `labels`)
  std::uint32_t min_responses = 1;
  std::uint32_t max_responses = 64;
  /// A row is a prompt (prompt, prompt_ids, text or ids); responses and labels are not looked at.
  bool is_prompt_only = false;
};

}  // namespace midpo
