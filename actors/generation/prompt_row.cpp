// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/prompt_row.h"

#include <algorithm>
#include <utility>

#include "actors/row_tokens.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

std::int64_t max_length(const GenerationJob& job) {
  const std::int64_t positions = job.model().info().max_positions;
  const std::int64_t wanted = job.responses.max_length;
  return wanted > 0 ? std::min(wanted, positions) : positions;
}

std::vector<std::int32_t> prompt_ids(const GenerationJob& job, const PreferenceRow& row) {
  if (!row.prompt_ids.empty()) return row.prompt_ids;
  require(job.prompt_template != nullptr, ErrorCode::kData,
          "the row holds text, but the model directory has no tokenizer; add one, or give "
          "prompt_ids");
  if (!job.is_plain && !row.is_plain_text)
    return job.prompt_template->encode_prompt(row.prompt_turns);
  require(row.prompt_turns.size() == 1, ErrorCode::kData,
          "template plain takes a prompt of one text, this one has several turns");
  return job.prompt_template->encode_plain_prompt(row.prompt_turns.front());
}

}  // namespace

PromptRow make_prompt_row(const GenerationJob& job, const PreferenceRow& row) {
  const std::string where =
      job.input_paths.at(row.position.file) + ":" + std::to_string(row.position.line) + ": ";
  PromptRow prompt{row.row, row.json, {}, !row.prompt_ids.empty(), 0.0};
  try {
    prompt.prompt = prompt_ids(job, row);
    check_token_ids(prompt.prompt, job.model().info().vocab_size);
  } catch (const Error& error) {
    throw Error(error.code(), where + error.what());
  }
  require(!prompt.prompt.empty(), ErrorCode::kData, where + "the prompt has no tokens");
  const auto length = static_cast<std::int64_t>(prompt.prompt.size());
  if (length >= max_length(job)) {
    throw Error(ErrorCode::kData, where + "the prompt has " + std::to_string(length) +
                                      " tokens, which leaves no room for a response: sequences "
                                      "have at most " +
                                      std::to_string(max_length(job)) +
                                      " (the smaller of --max-length and what the model takes)");
  }
  return prompt;
}

GenerationRequest make_request(const ResponseOptions& options, std::uint64_t id,
                               std::vector<std::int32_t> prompt, std::int64_t max_length) {
  GenerationRequest request;
  request.id = id;
  request.prompt = std::move(prompt);
  request.num_samples = options.num_samples;
  request.max_new_tokens = std::min(options.max_new_tokens,
                                    max_length - static_cast<std::int64_t>(request.prompt.size()));
  request.stop_ids = options.stop_ids;
  request.sampling = options.sampling;
  request.seed = options.seed;
  request.wants_log_probs = options.wants_log_probs;
  return request;
}

GenerationRequest make_request(const GenerationJob& job, const PromptRow& row) {
  return make_request(job.responses, row.row, row.prompt, max_length(job));
}

}  // namespace midpo
