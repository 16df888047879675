// SPDX-License-Identifier: Apache-2.0
#include "models/packing.h"

#include <algorithm>
#include <string>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Sequence = std::vector<std::int32_t>;

/// A stretch of one sequence to pack: tokens [begin, end), of which those from `read_from` on are
/// read.
struct Stretch {
  const Sequence& tokens;
  std::size_t begin;
  std::size_t end;
  std::size_t read_from;
};

/// Appends the stretch; the tokens before its begin are those at `prefix_row` (none where 0).
void append(PackedBatch& batch, const Stretch& stretch, std::int64_t prefix_row) {
  if (stretch.begin == stretch.end) return;
  AttentionSegment segment;
  segment.query_begin = batch.num_tokens();
  segment.own_begin = batch.num_tokens();
  segment.prefix_begin = prefix_row;
  segment.prefix_length = static_cast<std::int64_t>(stretch.begin);
  segment.own_length = static_cast<std::int64_t>(stretch.end - stretch.begin);
  segment.num_queries = segment.own_length;
  batch.segments.push_back(segment);
  std::size_t read_from = std::clamp(stretch.read_from, stretch.begin, stretch.end);
  if (read_from < stretch.end) {
    segment.query_begin = batch.num_reads();
    segment.num_queries = static_cast<std::int64_t>(stretch.end - read_from);
    batch.read_segments.push_back(segment);
  }
  for (std::size_t t = stretch.begin; t < stretch.end; ++t) {
    if (t >= read_from) batch.read_rows.push_back(batch.num_tokens());
    batch.ids.push_back(stretch.tokens[t]);
    batch.positions.push_back(static_cast<std::int32_t>(t));
  }
  batch.num_positions = std::max(batch.num_positions, static_cast<std::int64_t>(stretch.end));
}

std::size_t shortest_length(const RowTokens& row) {
  std::size_t shortest = row.sequences.front().size();
  for (const Sequence& sequence : row.sequences) shortest = std::min(shortest, sequence.size());
  return shortest;
}

void append_row_targets(LogProbBatch& packed, const RowTokens& row, std::size_t row_index,
                        std::size_t first, bool is_whole) {
  const std::size_t prefix = shared_prefix(row);
  const std::size_t read_from = is_whole ? 0 : first - 1;
  const auto prefix_row = packed.batch.num_tokens();
  auto add_targets = [&](std::int64_t read, std::size_t sequence, std::size_t position) {
    packed.targets.push_back({read, row.sequences[sequence][position]});
    packed.places.push_back({row_index, sequence, position});
  };
  // Reads of the prefix that come before the first target.
  const std::size_t idle = std::min(first - 1, prefix) - std::min(read_from, prefix);
  std::int64_t read = packed.batch.num_reads() + static_cast<std::int64_t>(idle);
  append(packed.batch, {row.sequences[0], 0, prefix, read_from}, 0);
  for (std::size_t t = first - 1; t < prefix; ++t, ++read) {
    for (std::size_t k = 0; k < row.sequences.size(); ++k) add_targets(read, k, t + 1);
  }
  for (std::size_t k = 0; k < row.sequences.size(); ++k) {
    const std::size_t end = row.sequences[k].size() - 1;
    const std::size_t begin = std::max(prefix, first - 1);
    read =
        packed.batch.num_reads() + static_cast<std::int64_t>(begin - std::max(prefix, read_from));
    append(packed.batch, {row.sequences[k], prefix, is_whole ? end + 1 : end, read_from},
           prefix_row);
    for (std::size_t t = begin; t < end; ++t, ++read) add_targets(read, k, t + 1);
  }
}

}  // namespace

std::size_t shared_prefix(const RowTokens& row) {
  if (row.sequences.size() == 1) return 0;
  return std::min(first_difference(row), shortest_length(row) - 1);
}

void check_rows(std::span<const RowTokens> rows, std::int64_t vocab_size,
                std::int64_t max_positions) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string where = "row " + std::to_string(i) + " of the call: ";
    require(!rows[i].sequences.empty(), ErrorCode::kData, where + "it has no sequence");
    for (const Sequence& sequence : rows[i].sequences) {
      require(!sequence.empty(), ErrorCode::kData,
              where + "a sequence has no token; give at least one");
      if (static_cast<std::int64_t>(sequence.size()) > max_positions) {
        throw Error(ErrorCode::kData, where + "a sequence has " + std::to_string(sequence.size()) +
                                          " tokens, the model takes at most " +
                                          std::to_string(max_positions) + "; lower --max-length");
      }
      for (std::int32_t id : sequence) {
        if (id >= 0 && id < vocab_size) continue;
        throw Error(ErrorCode::kData,
                    where + "token id " + std::to_string(id) + " is outside the vocabulary of " +
                        std::to_string(vocab_size) + "; is this the model's own tokenizer?");
      }
    }
  }
}

PackedBatch pack_for_scores(std::span<const RowTokens> rows) {
  PackedBatch batch;
  for (const RowTokens& row : rows) {
    std::size_t prefix = shared_prefix(row);
    std::int64_t prefix_row = batch.num_tokens();
    append(batch, {row.sequences[0], 0, prefix, prefix}, 0);
    for (const Sequence& sequence : row.sequences) {
      append(batch, {sequence, prefix, sequence.size(), sequence.size() - 1}, prefix_row);
    }
  }
  return batch;
}

LogProbBatch pack_for_log_probs(std::span<const RowTokens> rows, LogProbRange range) {
  std::vector<std::size_t> first(rows.size(), 1);
  if (range == LogProbRange::kFromDifference) {
    std::transform(rows.begin(), rows.end(), first.begin(), first_difference);
  }
  return pack_for_log_probs(rows, first, false);
}

LogProbBatch pack_for_log_probs(std::span<const RowTokens> rows, std::span<const std::size_t> first,
                                bool is_whole) {
  LogProbBatch packed;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row_first = std::max<std::size_t>(1, first[i]);
    bool has_targets = is_whole;
    for (const Sequence& sequence : rows[i].sequences) has_targets |= sequence.size() > row_first;
    if (has_targets) append_row_targets(packed, rows[i], i, row_first, is_whole);
  }
  return packed;
}

TokenScoreBatch pack_for_token_scores(std::span<const RowTokens> rows, bool is_token_wise) {
  TokenScoreBatch packed;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RowTokens& row = rows[i];
    const std::size_t prefix = shared_prefix(row);
    const std::size_t first = first_difference(row);
    const std::int64_t prefix_row = packed.batch.num_tokens();
    append(packed.batch, {row.sequences[0], 0, prefix, prefix}, 0);
    for (std::size_t k = 0; k < row.sequences.size(); ++k) {
      const std::size_t end = row.sequences[k].size();
      const std::size_t read_from = is_token_wise ? std::min(first, end - 1) : end - 1;
      append(packed.batch, {row.sequences[k], prefix, end, read_from}, prefix_row);
      for (std::size_t t = read_from; t < end; ++t) packed.places.push_back({i, k, t});
    }
  }
  return packed;
}

std::vector<float> count_occurrences(std::span<const RowTokens> rows, const PackedBatch& batch) {
  std::vector<float> counts;
  counts.reserve(batch.ids.size());
  for (const RowTokens& row : rows) {
    const std::size_t prefix = shared_prefix(row);
    counts.insert(counts.end(), prefix, static_cast<float>(row.sequences.size()));
    for (const Sequence& sequence : row.sequences) {
      counts.insert(counts.end(), sequence.size() - prefix, 1.0F);
    }
  }
  return counts;
}

double attention_flops(const ModelConfig& config, std::span<const AttentionSegment> segments) {
  double pairs = 0.0;
  for (const AttentionSegment& segment : segments) {
    const auto queries = static_cast<double>(segment.num_queries);
    const auto keys = static_cast<double>(segment.prefix_length + segment.own_length);
    pairs += queries * (keys - (queries - 1.0) / 2.0);
  }
  return 4.0 * static_cast<double>(config.num_heads * config.head_dim) * pairs;
}

double decoder_flops(const ModelConfig& config, const PackedBatch& batch) {
  double hidden = static_cast<double>(config.hidden_size);
  double q_width = static_cast<double>(config.num_heads * config.head_dim);
  double kv_width = static_cast<double>(config.num_kv_heads * config.head_dim);
  double kv_flops = 4.0 * hidden * kv_width;
  double other_flops =
      4.0 * hidden * q_width + 6.0 * hidden * static_cast<double>(config.intermediate_size);
  auto tokens = static_cast<double>(batch.num_tokens());
  auto reads = static_cast<double>(batch.num_reads());
  auto full_layers = static_cast<double>(config.num_layers - 1);
  return full_layers *
             (tokens * (kv_flops + other_flops) + attention_flops(config, batch.segments)) +
         tokens * kv_flops + reads * other_flops + attention_flops(config, batch.read_segments);
}

}  // namespace midpo
