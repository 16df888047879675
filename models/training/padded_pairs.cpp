// SPDX-License-Identifier: Apache-2.0
#include "models/training/padded_pairs.h"

#include <algorithm>

#include "models/packing.h"

namespace midpo {
namespace {

/// What a sequence's pad tokens attend to.
struct Tail {
  AttentionSegment segment;
  std::size_t row = 0;
  std::size_t sequence = 0;
  std::size_t length = 0;  ///< of the sequence
};

/// The segments of rows packed whole: where sequences share a prefix, it comes first.
std::vector<Tail> tails_of(std::span<const RowTokens> rows, const PackedBatch& batch) {
  std::vector<Tail> tails;
  auto segment = batch.segments.begin();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (shared_prefix(rows[row]) > 0) ++segment;
    for (std::size_t k = 0; k < rows[row].sequences.size(); ++k) {
      tails.push_back({*segment++, row, k, rows[row].sequences[k].size()});
    }
  }
  return tails;
}

void append_pad(PackedBatch& batch, const Tail& tail, std::size_t position, std::int32_t pad_id) {
  AttentionSegment segment = tail.segment;
  segment.query_begin = batch.num_tokens();
  segment.num_queries = 1;
  batch.segments.push_back(segment);
  segment.query_begin = batch.num_reads();
  batch.read_segments.push_back(segment);
  batch.read_rows.push_back(batch.num_tokens());
  batch.ids.push_back(pad_id);
  batch.positions.push_back(static_cast<std::int32_t>(position));
}

/// Inserts a target behind those that are read no later.
void add_target(LogProbBatch& packed, const LogProbTarget& target, const TokenPlace& place) {
  const auto at = std::upper_bound(
      packed.targets.begin(), packed.targets.end(), target,
      [](const LogProbTarget& a, const LogProbTarget& b) { return a.row < b.row; });
  packed.places.insert(packed.places.begin() + (at - packed.targets.begin()), place);
  packed.targets.insert(at, target);
}

}  // namespace

LogProbBatch pack_padded_pairs(std::span<const RowTokens> rows, std::size_t width,
                               std::int32_t pad_id) {
  std::vector<std::size_t> first;
  for (const RowTokens& row : rows) first.push_back(first_difference(row) + 1);
  LogProbBatch packed = pack_for_log_probs(rows, first, true);
  for (const Tail& tail : tails_of(rows, packed.batch)) {
    if (tail.length >= width) continue;
    const std::int64_t last = tail.segment.own_begin + tail.segment.own_length - 1;
    add_target(packed, {last, pad_id}, {tail.row, tail.sequence, tail.length});
    for (std::size_t t = tail.length; t < width; ++t) append_pad(packed.batch, tail, t, pad_id);
  }
  packed.batch.num_positions =
      std::max(packed.batch.num_positions, static_cast<std::int64_t>(width));
  return packed;
}

}  // namespace midpo
