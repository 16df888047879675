// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/job.h"

#include <algorithm>
#include <cstdio>

#include "runtime/core/hash.h"

namespace midpo::simulation {

std::uint64_t Job::num_rows(std::uint64_t block) const {
  return std::min<std::uint64_t>(block_rows, rows.size() - first_row(block));
}

std::vector<TileRange> Job::tiles(std::uint64_t block) const {
  std::vector<std::uint32_t> tokens;
  for (std::uint64_t i = 0; i < num_rows(block); ++i) {
    std::uint32_t count = 0;
    for (const auto& sequence : rows[first_row(block) + i])
      count += static_cast<std::uint32_t>(sequence.size());
    tokens.push_back(count);
  }
  return cut_tiles(tokens, tile_tokens);
}

std::vector<double> score(std::uint32_t model, const Sequences& row) {
  std::vector<double> values;
  for (const auto& sequence : row) {
    ContentHasher hasher;
    hasher.update(&model, sizeof model);
    hasher.update(sequence.data(), sequence.size() * sizeof sequence[0]);
    values.push_back(static_cast<double>(hasher.digest().low >> 11) * 0x1p-53);
  }
  return values;
}

std::string rank_row(std::uint64_t row, const std::vector<std::vector<double>>& values,
                     Counters& counters) {
  if (values.empty()) {
    ++counters.quarantined;
    return "row " + std::to_string(row) + " quarantined\n";
  }
  if (values.front()[0] < values.front()[1] / 2) {
    ++counters.filtered;
    return {};
  }
  ++counters.kept;
  std::string line = "row " + std::to_string(row);
  for (const auto& model : values) {
    for (const double value : model) {
      char text[32];
      std::snprintf(text, sizeof text, " %.17g", value);
      line += text;
    }
  }
  return line + "\n";
}

std::string expected_output(const Job& job, const std::set<std::uint64_t>& quarantined) {
  std::string output;
  Counters counters;
  for (std::uint64_t row = 0; row < job.rows.size(); ++row) {
    std::vector<std::vector<double>> values;
    for (std::uint32_t model = 0; model < job.num_models && !quarantined.count(row); ++model)
      values.push_back(score(model, job.rows[row]));
    output += rank_row(row, values, counters);
  }
  return output;
}

}  // namespace midpo::simulation
