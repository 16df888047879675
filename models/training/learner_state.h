// SPDX-License-Identifier: Apache-2.0
// A learner's exact state in one safetensors file: values, moments, step count.
#pragma once

#include <string>
#include <vector>

#include "models/training/adamw.h"
#include "models/training/parameters.h"

namespace midpo {

/// A learner's own numbers beside its parameters.
struct NamedState {
  std::string name;
  at::Tensor values;  ///< fp64, host, contiguous; loading writes into it
};

void save_learner_state(const std::string& path, const ParameterSet& parameters,
                        const AdamW& optimizer, const std::vector<NamedState>& extra = {});

/// @throws Error(kCheckpoint) naming the file: damaged, or of other parameters.
void load_learner_state(const std::string& path, ParameterSet& parameters, AdamW& optimizer,
                        const std::vector<NamedState>& extra = {});

}  // namespace midpo
