// SPDX-License-Identifier: Apache-2.0
// The tokens at which a model's responses end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/checkpoint/model_config.h"

namespace midpo {

/// As transformers generates: eos_token_id of generation_config.json, one or several; of
/// config.json where that file is missing or does not say.
/// @param config of this directory. @throws Error(kCheckpoint) naming file and key.
std::vector<std::int32_t> end_tokens(const std::string& model_dir, const ModelConfig& config);

}  // namespace midpo
