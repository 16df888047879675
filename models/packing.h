// SPDX-License-Identifier: Apache-2.0
// Rows to packed batches, and the arithmetic they cost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/batch.h"
#include "models/checkpoint/model_config.h"
#include "models/engines.h"

namespace midpo {

/// @throws Error(kData) naming the row: no sequence, an empty one, one longer than max_positions,
///   or a token id outside [0, vocab_size).
void check_rows(std::span<const RowTokens> rows, std::int64_t vocab_size,
                std::int64_t max_positions);

/// Reads the last token of each sequence, in the order of rows and sequences. Each sequence keeps
/// at least its last token to itself.
PackedBatch pack_for_scores(std::span<const RowTokens> rows);

enum class LogProbRange {
  kAll,             ///< every token but the first
  kFromDifference,  ///< tokens t >= max(1, first_difference(row))
};

/// The last token of a sequence is only ever a target, so it is not packed; rows without targets
/// are not packed at all. The token before the first difference is in the shared prefix and
/// predicts all the tokens that differ.
LogProbBatch pack_for_log_probs(std::span<const RowTokens> rows, LogProbRange range);

/// Log-probabilities of tokens t >= max(1, first[row]), one entry a row.
/// @param is_whole every token is packed and read, targets or not: for what is summed over tokens.
LogProbBatch pack_for_log_probs(std::span<const RowTokens> rows, std::span<const std::size_t> first,
                                bool is_whole);

struct TokenScoreBatch {
  PackedBatch batch;
  std::vector<TokenPlace> places;  ///< where each read comes from
};

/// Reads the last token of each sequence, as pack_for_scores(); or, token-wise, all tokens from
/// first_difference(row) on and the last one always.
TokenScoreBatch pack_for_token_scores(std::span<const RowTokens> rows, bool is_token_wise);

/// Tokens that all sequences of a row share, leaving each at least its last one; packed once. 0
/// for a single sequence.
std::size_t shared_prefix(const RowTokens& row);

/// In how many of its row's sequences each packed token occurs.
std::vector<float> count_occurrences(std::span<const RowTokens> rows, const PackedBatch& batch);

/// FLOPs of scores and weighted values of all query-key pairs: 2 per multiply-add.
double attention_flops(const ModelConfig& config, std::span<const AttentionSegment> segments);

/// FLOPs of the decoder's linear layers and attention for this batch: 2 per multiply-add; all of
/// every layer but the last, where queries, output projection and MLP are needed for reads only.
double decoder_flops(const ModelConfig& config, const PackedBatch& batch);

}  // namespace midpo
