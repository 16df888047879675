// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/row_writer.h"

#include <utility>

namespace midpo {

RowWriter::RowWriter(const GenerationJob& job, std::shared_ptr<const PromptRow> prompt)
    : wants_log_probs_(job.responses.wants_log_probs),
      num_unfinished_(static_cast<std::size_t>(job.responses.num_samples)) {
  row_.responses.resize(num_unfinished_);
  row_.prompt = std::move(prompt);
  if (job.prompt_template == nullptr) return;
  texts_.assign(num_unfinished_,
                ResponseText(job.prompt_template->shared_tokenizer(), job.responses.stops));
}

RowWriter::After RowWriter::add(const TokenEvent& event) {
  GeneratedResponse& response = row_.responses[event.sample];
  response.tokens.push_back(event.token);
  if (wants_log_probs_) response.log_probs.push_back(event.log_prob);
  if (event.finish == FinishReason::kStop) response.finish_reason = "eos";
  if (event.finish == FinishReason::kLength) response.finish_reason = "length";
  const bool has_stop_string = !texts_.empty() && texts_[event.sample].push(event.token);
  if (has_stop_string) response.finish_reason = "stop_string";
  if (response.finish_reason.empty()) return After::kGoesOn;
  if (!texts_.empty()) response.text = texts_[event.sample].finish();
  --num_unfinished_;
  return has_stop_string ? After::kEndedEarly : After::kEnded;
}

}  // namespace midpo
