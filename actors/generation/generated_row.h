// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/generation/prompt_row.h"

namespace midpo {

/// One response, complete.
struct GeneratedResponse {
  std::vector<std::int32_t> tokens;  ///< eos included where it came
  std::string text;                  ///< empty without a tokenizer
  std::string finish_reason;         ///< "eos", "stop_string" or "length"
  std::vector<float> log_probs;      ///< where asked for
};

struct GeneratedRow {
  std::shared_ptr<const PromptRow> prompt;
  std::vector<GeneratedResponse> responses;

  std::uint64_t num_tokens() const;  ///< of all responses
};

/// The input row with its responses, and a line feed. Fields that speak of other responses
/// (response_0, chosen, better_response_id, ...) are left out; all others stay as they are. One
/// sample gives "response", "finish_reason", "response_tokens"; several give lists "responses",
/// "finish_reasons", "response_tokens". Rows of token ids get "response_ids" or "responses_ids"
/// instead of texts.
/// @param model  content hash of the model that wrote it.
std::string generated_line(const GenerationJob& job, const GeneratedRow& row,
                           const std::string& model);

}  // namespace midpo
