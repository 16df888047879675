// SPDX-License-Identifier: Apache-2.0
// What a generation job is: fixed before its actors start, shared by all of them, never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/generator.h"
#include "models/preference/prompt_template.h"

namespace midpo {

/// What every prompt of a job gets.
struct ResponseOptions {
  SamplingOptions sampling;
  std::int64_t num_samples = 1;
  std::int64_t max_new_tokens = 256;
  std::int64_t max_length = 0;         ///< of prompt and response together; 0: the model's
  std::vector<std::string> stops;      ///< strings that end a response and do not belong to it
  std::vector<std::int32_t> stop_ids;  ///< tokens that end a response
  std::uint64_t seed = 42;
  bool wants_log_probs = false;
};

struct GenerationJob {
  std::vector<std::shared_ptr<const GenerationModel>> replicas;  ///< one per device
  std::shared_ptr<const PromptTemplate> prompt_template;         ///< null: every row has token ids
  bool is_plain = false;  ///< prompts verbatim, without template
  ResponseOptions responses;
  GeneratorLimits limits;
  std::uint32_t num_generators = 1;      ///< generator i computes on device i % devices
  std::vector<std::string> input_paths;  ///< for messages
  std::uint64_t first_row = 0;           ///< rows before it are written already
  bool shows_progress = true;

  const GenerationModel& model() const { return *replicas.front(); }
};

}  // namespace midpo
