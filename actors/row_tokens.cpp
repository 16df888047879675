// SPDX-License-Identifier: Apache-2.0
#include "actors/row_tokens.h"

#include <algorithm>

#include "runtime/core/error.h"

namespace midpo {
namespace {

EncodedText encode_response(const PreferenceRow& row, std::size_t response,
                            const PromptTemplate* prompt_template, std::int64_t max_length) {
  if (!row.is_tokenized()) {
    require(
        prompt_template != nullptr, ErrorCode::kData,
        "the row holds text, but the model directory has no tokenizer; add one, or give token ids");
    if (row.is_plain_text) return prompt_template->encode_plain(row.responses[response]);
    return prompt_template->encode(row.prompt_turns, row.responses[response]);
  }
  std::vector<std::int32_t> ids = row.prompt_ids;
  const std::vector<std::int32_t>& own = row.response_ids[response];
  ids.insert(ids.end(), own.begin(), own.end());
  const bool is_long = ids.size() > static_cast<std::size_t>(max_length);
  if (is_long) ids.resize(static_cast<std::size_t>(max_length));
  return {std::move(ids), is_long};
}

bool all_equal(const std::vector<std::vector<std::int32_t>>& sequences) {
  return std::all_of(sequences.begin() + 1, sequences.end(),
                     [&](const auto& sequence) { return sequence == sequences.front(); });
}

}  // namespace

TokenizedRow tokenize_row(const PreferenceRow& row, const PromptTemplate* prompt_template,
                          std::int64_t max_length) {
  TokenizedRow result;
  bool any_truncated = false;
  for (std::size_t i = 0; i < row.num_responses(); ++i) {
    EncodedText text = encode_response(row, i, prompt_template, max_length);
    require(!text.ids.empty(), ErrorCode::kData,
            "response " + std::to_string(i) + " has no tokens");
    any_truncated = any_truncated || text.is_truncated;
    result.tokens.sequences.push_back(std::move(text.ids));
  }
  if (row.num_responses() > 1 && all_equal(result.tokens.sequences)) {
    result.collapse = any_truncated ? Collapse::kAfterTruncation : Collapse::kIdentical;
  }
  return result;
}

void check_sequences(const RowTokens& row, const ModelInfo& model) {
  for (const auto& sequence : row.sequences) {
    check_token_ids(sequence, model.vocab_size);
    if (static_cast<std::int64_t>(sequence.size()) <= model.max_positions) continue;
    throw Error(ErrorCode::kData, "a sequence has " + std::to_string(sequence.size()) +
                                      " tokens, the model takes at most " +
                                      std::to_string(model.max_positions) +
                                      "; lower --max-length, or shorten the row");
  }
}

void check_token_ids(const std::vector<std::int32_t>& ids, std::int64_t vocab_size) {
  const auto unknown =
      std::ranges::find_if(ids, [&](std::int32_t id) { return id < 0 || id >= vocab_size; });
  if (unknown == ids.end()) return;
  throw Error(ErrorCode::kData, "token id " + std::to_string(*unknown) +
                                    " is outside the vocabulary of " + std::to_string(vocab_size) +
                                    "; is this the model's own tokenizer?");
}

ContentHash hash_tokens(const RowTokens& row) {
  ContentHasher hasher;
  for (const auto& sequence : row.sequences) {
    const std::uint64_t size = sequence.size();
    hasher.update(&size, sizeof size);
    hasher.update(sequence.data(), size * sizeof(std::int32_t));
  }
  return hasher.digest();
}

std::uint32_t count_packed_tokens(const RowTokens& row) {
  std::size_t shortest = row.sequences.front().size();
  std::size_t total = 0;
  for (const auto& sequence : row.sequences) {
    shortest = std::min(shortest, sequence.size());
    total += sequence.size();
  }
  // A sequence keeps at least its last token to itself.
  const std::size_t shared = std::min(first_difference(row), shortest - 1);
  return static_cast<std::uint32_t>(total - (row.sequences.size() - 1) * shared);
}

}  // namespace midpo
