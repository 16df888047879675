// SPDX-License-Identifier: Apache-2.0
// A learner's exact state in one safetensors file: values, moments, step count.
#pragma once

#include <string>

#include "models/training/adamw.h"
#include "models/training/parameters.h"

namespace midpo {

void save_learner_state(const std::string& path, const ParameterSet& parameters,
                        const AdamW& optimizer);

/// @throws Error(kCheckpoint) naming the file: damaged, or of other parameters.
void load_learner_state(const std::string& path, ParameterSet& parameters, AdamW& optimizer);

}  // namespace midpo
