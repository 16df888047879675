// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/flow/tiles.h"

namespace midpo::simulation {

constexpr std::uint64_t kPromptsOfRound = 5;

using Sequences = std::vector<std::vector<std::int32_t>>;

struct Counters {
  std::uint64_t kept = 0;
  std::uint64_t filtered = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t rows() const { return kept + filtered + quarantined; }
};

/// Rows to be scored by each model and ranked: what is written is a function of the job alone.
struct Job {
  std::vector<Sequences> rows;
  std::uint32_t num_models = 1;
  std::uint64_t block_rows = 16;
  std::int64_t tile_tokens = 64;
  std::uint64_t num_rounds = 0;  ///< of prompts, written beside the rows; 0: no online half
  std::uint64_t staleness = 0;   ///< of the weights that write a round
  /// (round, prompt): a worker that writes for it dies
  std::optional<std::pair<std::uint64_t, std::uint64_t>> poison_prompt;
  std::set<std::uint64_t> poison;  ///< a worker that computes such a row dies
  std::set<std::uint64_t> bad;     ///< no worker can compute such a row, and says so

  std::uint64_t num_blocks() const { return (rows.size() + block_rows - 1) / block_rows; }
  std::uint64_t first_row(std::uint64_t block) const { return block * block_rows; }
  std::uint64_t num_rows(std::uint64_t block) const;
  std::vector<TileRange> tiles(std::uint64_t block) const;
};

/// [sequence]: a pure function of the model and the token ids.
std::vector<double> score(std::uint32_t model, const Sequences& row);

/// The row's line, and its count. @param values  [model][sequence]; empty: quarantined
std::string rank_row(std::uint64_t row, const std::vector<std::vector<double>>& values,
                     Counters& counters);

/// What an undisturbed run writes.
std::string expected_output(const Job& job, const std::set<std::uint64_t>& quarantined);

}  // namespace midpo::simulation
