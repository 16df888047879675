// SPDX-License-Identifier: Apache-2.0
// From a row as read to the token sequences that every model of a job computes.
#pragma once

#include <cstdint>

#include "models/engines.h"
#include "models/preference/prompt_template.h"
#include "runtime/data/preference_row.h"

namespace midpo {

/// Why the responses of a row cannot be told apart, if they cannot.
enum class Collapse : std::uint8_t { kNone, kIdentical, kAfterTruncation };

struct TokenizedRow {
  RowTokens tokens;
  Collapse collapse = Collapse::kNone;
};

/// The row's sequences under one template, cut on the right to max_length tokens. Pre-tokenised
/// rows are taken as they are: prompt_ids then response ids, nothing added.
/// @param prompt_template  null where every row must be pre-tokenised.
/// @throws Error(kData) for a text row without a template, or an empty sequence.
TokenizedRow tokenize_row(const PreferenceRow& row, const PromptTemplate* prompt_template,
                          std::int64_t max_length);

/// Of every sequence, so that one too long for the model, or with an id that it lacks, is refused
/// where its row is known by name. @throws Error(kData).
void check_sequences(const RowTokens& row, const ModelInfo& model);
void check_token_ids(const std::vector<std::int32_t>& ids, std::int64_t vocab_size);

/// Hash of the exact ids, sequence by sequence: half of every score's key (the model is the other
/// half).
ContentHash hash_tokens(const RowTokens& row);

/// Tokens of a row in a packed batch: the part all sequences share is counted once.
std::uint32_t count_packed_tokens(const RowTokens& row);

}  // namespace midpo
