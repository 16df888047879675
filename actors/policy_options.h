// SPDX-License-Identifier: Apache-2.0
// The options of commands that use a language model: base, base with an adapter, or the mixture.
#pragma once

#include <string>

#include "actors/model_options.h"

namespace midpo {

struct PolicyConfig {
  std::string model;
  std::string adapter;
  std::string safety_adapter, helpfulness_adapter, router;
  std::string mixture;  ///< "0.5,0.5", or empty
};

void add_policy_options(OptionTable& table, PolicyConfig& config);

/// @throws Error(kConfig) naming the option that is no directory, or does not read as two numbers.
ModelOptions policy_options(const ComputeConfig& compute, const PolicyConfig& policy,
                            const std::string& device);

}  // namespace midpo
