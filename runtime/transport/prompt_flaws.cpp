// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "runtime/transport/message_bodies.h"

namespace midpo {
namespace {

/// A response ends with its first stop token, or at its longest.
bool ends_as_asked(const PromptTask& task, std::uint32_t max_new_tokens,
                   const std::vector<std::int32_t>& tokens) {
  const auto stop =
      std::find_first_of(tokens.begin(), tokens.end(), task.stop_ids.begin(), task.stop_ids.end());
  const bool is_stopped = stop != tokens.end() && stop + 1 == tokens.end();
  const bool is_longest = stop == tokens.end() && tokens.size() == max_new_tokens;
  return tokens.size() <= max_new_tokens && (is_stopped || is_longest);
}

std::optional<std::string> flaw_of(const PromptTask& task, std::uint32_t max_new_tokens,
                                   const PromptResult::Sample& sample) {
  const auto is_known = [&](std::int32_t id) {
    return id >= 0 && static_cast<std::uint32_t>(id) < task.vocab_size;
  };
  if (!std::ranges::all_of(sample.tokens, is_known)) return "a token outside the vocabulary";
  if (!ends_as_asked(task, max_new_tokens, sample.tokens)) {
    return "a response of " + std::to_string(sample.tokens.size()) +
           " tokens that ends neither with a stop token nor at its longest, " +
           std::to_string(max_new_tokens);
  }
  const std::size_t num_log_probs = task.wants_log_probs ? sample.tokens.size() : 0;
  if (sample.log_probs.size() != num_log_probs) return "log-probs that were not asked for, or none";
  const auto is_number = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(sample.log_probs, is_number)) return "a log-prob is NaN or Inf";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> flaw_of(const PromptTask& task, const PromptResult& result) {
  if (result.samples.size() != task.prompts.size()) return "responses to other prompts";
  for (std::size_t i = 0; i < task.prompts.size(); ++i) {
    if (result.samples[i].size() != task.num_samples) return "another number of samples";
    for (const PromptResult::Sample& sample : result.samples[i]) {
      if (auto flaw = flaw_of(task, task.prompts[i].max_new_tokens, sample)) return flaw;
    }
  }
  return std::nullopt;
}

}  // namespace midpo
