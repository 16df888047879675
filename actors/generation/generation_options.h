// SPDX-License-Identifier: Apache-2.0
// The options of commands that write text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/generation/generation_job.h"
#include "runtime/config/options.h"

namespace midpo {

struct SamplingConfig {
  std::int64_t max_new_tokens = 256;
  double temperature = 0.0;
  std::int64_t top_k = 0;
  double top_p = 1.0;
  double repetition_penalty = 1.0;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  std::int64_t num_samples = 1;
  std::int64_t seed = 42;
  bool log_probs = false;
};

/// How one response is written.
void add_sampling_options(OptionTable& table, SamplingConfig& config);

/// The same, and how many there are and what is said of them.
void add_response_options(OptionTable& table, SamplingConfig& config);

/// Responses end where the model's or the tokenizer's files say that a text does.
/// @param prompt_template  null where the model has no tokenizer.
/// @throws Error(kConfig) for options that need a tokenizer where there is none, or contradict.
ResponseOptions response_options(const SamplingConfig& config, const GenerationModel& model,
                                 const PromptTemplate* prompt_template);

}  // namespace midpo
