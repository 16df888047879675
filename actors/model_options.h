// SPDX-License-Identifier: Apache-2.0
// The options every command that computes shares, and loading what they name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/engines.h"
#include "models/preference/prompt_template.h"
#include "runtime/config/options.h"

namespace midpo {

struct ComputeConfig {
  std::string dtype = "float32";
  std::string device = "cpu";
  bool allow_pickle = false;
  std::int64_t max_length = 512;
  std::string template_name = "training";
};

void add_compute_options(OptionTable& table, ComputeConfig& config,
                         const std::vector<std::string>& templates = {"training", "published"});

/// "cuda:0,cuda:1" -> one entry each. @throws Error(kConfig) for an empty entry or several CPUs.
std::vector<std::string> device_list(const ComputeConfig& config);

/// @throws Error(kConfig) naming the option if `path` is not a directory.
ModelOptions model_options(const ComputeConfig& config, const std::string& path,
                           const std::string& device, std::string_view option);

/// The directory's tokenizer behind the configured template; null if the directory has none (its
/// rows must then be pre-tokenised). @throws Error(kCheckpoint) for one that cannot be read.
std::shared_ptr<const PromptTemplate> load_template(const ComputeConfig& config,
                                                    const std::string& model_dir);

std::string_view dtype_name(DType dtype);

/// `wanted` threads of one CPU step, or one per core with a warning: they meet many times in a
/// step, and where they take turns on the cores each meeting costs time slices. What is computed is
/// equal.
std::int64_t step_threads(std::int64_t wanted, std::string_view option);

}  // namespace midpo
