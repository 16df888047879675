// SPDX-License-Identifier: Apache-2.0
// What holds where config.json ties a model's head to its embeddings.
#pragma once

#include <string>

#include "models/checkpoint/adapter_config.h"
#include "models/checkpoint/model_config.h"
#include "models/checkpoint/weight_files.h"

namespace midpo {

/// A head stored along with the embeddings it is tied to must be equal to them: some programs train
/// it apart and leave config.json as it was, and one of the two would then be read in vain.
/// @throws Error(kCheckpoint) naming the file and the key to change.
void require_tied_head(const ModelConfig& config, const WeightFiles& weights);

/// @throws Error(kCheckpoint) for an adapter of a tied head, which has no weight of its own.
/// @param base_name for the message.
void require_free_head(const AdapterConfig& adapter, const ModelConfig& base,
                       const std::string& base_name);

}  // namespace midpo
