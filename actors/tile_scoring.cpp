// SPDX-License-Identifier: Apache-2.0
#include "actors/tile_scoring.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "actors/parallel.h"
#include "actors/row_lines.h"
#include "actors/row_tokens.h"
#include "runtime/core/control_group.h"
#include "runtime/core/error.h"
#include "runtime/flow/tiles.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 256;

}  // namespace

std::vector<RowTokens> tokenize_rows(const std::vector<std::string>& paths,
                                     const std::vector<PreferenceRow>& rows,
                                     const PromptTemplate* prompt_template, std::int64_t max_length,
                                     const ModelInfo& model) {
  std::vector<RowTokens> tokens(rows.size());
  parallel_for(rows.size(), num_cores(), [&](std::size_t i) {
    try {
      tokens[i] = tokenize_row(rows[i], prompt_template, max_length).tokens;
      check_sequences(tokens[i], model);
    } catch (const Error& error) {
      throw Error(error.code(), row_place(paths, rows[i].position) + ": " + error.what());
    }
  });
  return tokens;
}

namespace {

std::string compute_tile(const TileRange& tile, const std::vector<RowTokens>& tokens,
                         const std::vector<PreferenceRow>& rows, const TileFunction& compute) {
  try {
    return compute(std::span(tokens).subspan(tile.first, tile.count),
                   std::span(rows).subspan(tile.first, tile.count));
  } catch (const Error& error) {
    throw Error(error.code(), "rows from " + std::to_string(rows[tile.first].row) +
                                  " on, in a call of " + std::to_string(tile.count) + ": " +
                                  error.what());
  }
}

void write_stdout(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return;
  throw Error(ErrorCode::kStorage, std::string("stdout: write failed: ") + std::strerror(errno));
}

}  // namespace

void for_each_tile(const std::vector<std::string>& paths, const PromptTemplate* prompt_template,
                   const ComputeConfig& config, const ModelInfo& model,
                   const TileFunction& compute) {
  const auto reader = open_rows(paths, kBlockRows, BadRowPolicy::kRefuse, RowRequirements{});
  for (bool is_last = false; !is_last;) {
    const auto block = reader->next_block();
    is_last = block->is_last;
    const std::vector<RowTokens> tokens =
        tokenize_rows(paths, block->rows, prompt_template, config.max_length, model);
    std::vector<std::uint32_t> sizes;
    for (const RowTokens& row : tokens) sizes.push_back(count_packed_tokens(row));
    const std::vector<TileRange> tiles = cut_tiles(sizes, model.tile_tokens);
    std::vector<std::string> lines(tiles.size());
    parallel_for(tiles.size(), num_cores(), [&](std::size_t i) {
      lines[i] = compute_tile(tiles[i], tokens, block->rows, compute);
    });
    for (const std::string& text : lines) write_stdout(text);
  }
}

void for_each_text(const std::vector<std::string>& paths,
                   const std::function<std::string(const std::string&)>& compute) {
  const auto reader = open_rows(paths, kBlockRows, BadRowPolicy::kRefuse, RowRequirements{});
  for (bool is_last = false; !is_last;) {
    const auto block = reader->next_block();
    is_last = block->is_last;
    std::vector<std::string> lines(block->rows.size());
    parallel_for(lines.size(), num_cores(), [&](std::size_t i) {
      const PreferenceRow& row = block->rows[i];
      require(row.is_plain_text, ErrorCode::kData,
              "row " + std::to_string(row.row) +
                  ": has no \"text\"; every line must be {\"text\": ...}");
      lines[i] = compute(row.responses.front());
    });
    for (const std::string& text : lines) write_stdout(text);
  }
}

}  // namespace midpo
