// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/generation/generation_job.h"
#include "runtime/data/preference_row.h"

namespace midpo {

/// A row of the input, as a prompt.
struct PromptRow {
  std::uint64_t row = 0;
  std::string json;  ///< as PreferenceRow::json
  std::vector<std::int32_t> prompt;
  bool is_tokenized = false;   ///< the responses are then written as ids, too
  double fraction_read = 0.0;  ///< of the input, with this row's block
};

/// @param row  read with RowRequirements::is_prompt_only.
/// @throws Error(kData) naming file and line: text without a tokenizer, no token, or no room for a
///   response.
PromptRow make_prompt_row(const GenerationJob& job, const PreferenceRow& row);

/// The request for a prompt. @param max_length  of prompt and response together, above the
/// prompt's.
GenerationRequest make_request(const ResponseOptions& options, std::uint64_t id,
                               std::vector<std::int32_t> prompt, std::int64_t max_length);

/// The request that a row becomes: named by the row, so that its responses do not depend on what is
/// written at the same time.
GenerationRequest make_request(const GenerationJob& job, const PromptRow& row);

}  // namespace midpo
