// SPDX-License-Identifier: Apache-2.0
// A learner's exact state in one safetensors file: values, moments, step count. The file is whole:
// it does not tell over how many ranks the moments were spread.
#pragma once

#include <string>
#include <vector>

#include "models/training/adamw.h"
#include "models/training/parameters.h"
#include "runtime/core/collective.h"

namespace midpo {

/// A learner's own numbers beside its parameters.
struct NamedState {
  std::string name;
  at::Tensor values;  ///< fp64, host, contiguous; loading writes into it
};

/// With a collective all ranks call it, and rank 0 writes.
void save_learner_state(const std::string& path, const ParameterSet& parameters,
                        const AdamW& optimizer, const std::vector<NamedState>& extra = {},
                        Collective* collective = nullptr);

/// With a collective all ranks call it, and rank 0 reads.
/// @throws Error(kCheckpoint) naming the file: damaged, or of other parameters.
void load_learner_state(const std::string& path, ParameterSet& parameters, AdamW& optimizer,
                        const std::vector<NamedState>& extra = {},
                        Collective* collective = nullptr);

}  // namespace midpo
