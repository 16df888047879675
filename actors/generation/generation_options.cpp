// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generation_options.h"

#include <algorithm>
#include <limits>

#include "runtime/core/error.h"

namespace midpo {

void add_sampling_options(OptionTable& table, SamplingConfig& config) {
  table.group("Responses");
  table.integer("max_new_tokens", &config.max_new_tokens, 1, 1 << 20, "Tokens a response may have");
  table.number("temperature", &config.temperature, 0.0, 1e6, "0: greedy; 1: as the model says");
  table.integer("top_k", &config.top_k, 0, 1 << 24, "Only the k likeliest tokens; 0: all");
  table.number("top_p", &config.top_p, 0.0, 1.0,
               "Only the likeliest tokens that together reach p; 1: all");
  table.number("repetition_penalty", &config.repetition_penalty, 1e-3, 1e3,
               "Makes tokens that occurred already less likely; 1: no");
  table.text_list("stop", &config.stop, "STRING", "Strings that end a response");
  table.flag("ignore_eos", &config.ignore_eos, "Do not end responses at the end-of-text token");
  table.integer("seed", &config.seed, 0, std::numeric_limits<std::int64_t>::max(),
                "Seed of the draws; a row's text depends on it and on nothing else of the run");
}

void add_response_options(OptionTable& table, SamplingConfig& config) {
  add_sampling_options(table, config);
  table.integer("num_samples", &config.num_samples, 1, 1 << 12, "Responses a prompt gets");
  table.flag("log_probs", &config.log_probs, "Also write the log-probs of the tokens");
}

ResponseOptions response_options(const SamplingConfig& config, const GenerationModel& model,
                                 const PromptTemplate* prompt_template) {
  require(config.num_samples == 1 || config.temperature > 0.0, ErrorCode::kConfig,
          "num_samples is " + std::to_string(config.num_samples) +
              " but temperature is 0: greedy responses would all be equal; give --temperature 1");
  require(config.stop.empty() || prompt_template != nullptr, ErrorCode::kConfig,
          "--stop needs a tokenizer, the model directory has none");
  for (const std::string& stop : config.stop) {
    require(!stop.empty(), ErrorCode::kConfig, "--stop: an empty string would stop at once");
  }
  ResponseOptions options;
  options.sampling = {config.repetition_penalty, config.temperature, config.top_k, config.top_p};
  options.num_samples = config.num_samples;
  options.max_new_tokens = config.max_new_tokens;
  options.stops = config.stop;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.wants_log_probs = config.log_probs;
  if (config.ignore_eos) return options;
  options.stop_ids = model.eos_ids();
  if (prompt_template == nullptr) return options;
  const auto eos = prompt_template->tokenizer().eos_id();
  if (eos && std::ranges::find(options.stop_ids, *eos) == options.stop_ids.end()) {
    options.stop_ids.push_back(*eos);
  }
  return options;
}

}  // namespace midpo
