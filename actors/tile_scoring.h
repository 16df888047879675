// SPDX-License-Identifier: Apache-2.0
// Reading, tokenising and tiling for the small commands, which compute one model over a file and
// keep no state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/model_options.h"
#include "runtime/data/row_reader.h"

namespace midpo {

/// Computes one tile and returns its output lines; called from several threads.
using TileFunction = std::function<std::string(std::span<const RowTokens> tokens,
                                               std::span<const PreferenceRow> rows)>;

/// The rows' tokens, in all of which `model` can compute. @throws Error(kData) naming file:line.
std::vector<RowTokens> tokenize_rows(const std::vector<std::string>& paths,
                                     const std::vector<PreferenceRow>& rows,
                                     const PromptTemplate* prompt_template, std::int64_t max_length,
                                     const ModelInfo& model);

/// Streams the rows of `paths` through `compute` on all cores and writes its lines to stdout in
/// input order.
/// @throws Error(kData) naming file:line for a bad row; Error(kStorage) if stdout cannot be
/// written.
void for_each_tile(const std::vector<std::string>& paths, const PromptTemplate* prompt_template,
                   const ComputeConfig& config, const ModelInfo& model,
                   const TileFunction& compute);

/// Streams the {"text": ...} rows of `paths` through `compute` on all cores, lines to stdout in
/// input order.
/// @throws Error(kData) also for a row that is not a plain text.
void for_each_text(const std::vector<std::string>& paths,
                   const std::function<std::string(const std::string&)>& compute);

}  // namespace midpo
