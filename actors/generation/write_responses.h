// SPDX-License-Identifier: Apache-2.0
// Prompts of files in, one file of responses out: what generate does once, and arena twice.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/generation/generation_files.h"
#include "actors/generation/generation_options.h"
#include "actors/generation/generation_run.h"
#include "actors/policy_options.h"

namespace midpo {

/// How many generators write, and how much each at once; 0: what suits the device.
struct GeneratorConfig {
  std::int64_t generators = 0;
  std::int64_t max_sequences = 0;
  std::int64_t threads = 1;
  std::int64_t batch_tokens = 0;
  std::int64_t kv_rows = 0;
};

void add_generator_options(OptionTable& table, GeneratorConfig& config);

struct ResponsesToWrite {
  std::vector<std::string> data;  ///< rows with prompt, prompt_ids, text or ids
  PolicyConfig policy;
  ComputeConfig compute;  ///< its template may be "plain"
  SamplingConfig sampling;
  GeneratorConfig generators;
  OutputChoice output;
};

struct WrittenResponses {
  GenerationOutcome outcome;
  std::string model;  ///< content hash
};

/// Loads the model, writes or continues the output and publishes it.
/// @return nothing where a finished output is there and --resume has nothing to do.
/// @throws Error: options, rows, models, storage; kShutdown when a stop was asked for.
std::optional<WrittenResponses> write_responses(const ResponsesToWrite& wanted);

}  // namespace midpo
