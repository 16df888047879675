// SPDX-License-Identifier: Apache-2.0
// The packed form of a call's rows: what the decoder computes, no padding, nothing twice.
#pragma once

#include <cstdint>
#include <vector>

#include "models/kernels/attention.h"
#include "models/kernels/log_softmax.h"

namespace midpo {

/// Tokens of all rows, one after the other; of each row the shared prefix once, then the tails.
/// With a cache, tokens that are computed now; keys and values of earlier ones lie there.
struct PackedBatch {
  std::vector<std::int32_t> ids;        ///< [tokens]
  std::vector<std::int32_t> positions;  ///< [tokens], within their sequence
  /// Prefixes and tails; every token is a query.
  std::vector<AttentionSegment> segments;
  /// The tokens whose final hidden state is read, in packed order.
  std::vector<std::int64_t> read_rows;
  /// As `segments`, for the last layer: queries are the read tokens only, and query_begin counts
  /// in read_rows. Segments of which nothing is read are absent.
  std::vector<AttentionSegment> read_segments;
  std::int64_t num_positions = 0;  ///< largest position + 1
  /// With a cache: where each token's key and value go, [tokens]. The segments' prefix_begin and
  /// own_begin then count in rows of the cache.
  std::vector<std::int64_t> cache_rows;

  std::int64_t num_tokens() const { return static_cast<std::int64_t>(ids.size()); }
  std::int64_t num_reads() const { return static_cast<std::int64_t>(read_rows.size()); }
};

/// A token of a call's rows: what a number read there belongs to.
struct TokenPlace {
  std::size_t row = 0;
  std::size_t sequence = 0;
  std::size_t position = 0;
};

/// A batch for log-probabilities. Target i is read from hidden state targets[i].row (an index into
/// batch.read_rows) and belongs to places[i].
struct LogProbBatch {
  PackedBatch batch;
  std::vector<LogProbTarget> targets;  ///< sorted by row
  std::vector<TokenPlace> places;
};

}  // namespace midpo
