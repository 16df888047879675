// SPDX-License-Identifier: Apache-2.0
// Trained parameters as what the writers of models/checkpoint/ take.
#pragma once

#include <string>
#include <vector>

#include "models/checkpoint/safetensors_writer.h"
#include "models/learner.h"
#include "models/training/train_decoder.h"

namespace midpo {

/// All parameters by name, in `type`, made when their turn comes. `parameters` outlives the result.
std::vector<TensorToWrite> parameter_tensors(const ParameterSet& parameters, at::ScalarType type);

/// Writes the trained adapters as a PEFT directory.
void export_adapter(const std::string& directory, const ParameterSet& parameters,
                    const LearnerOptions& options);

}  // namespace midpo
