// SPDX-License-Identifier: Apache-2.0
// midpo run --mode online: candidates are written by the newest weights, scored, ranked into pairs
// and trained on, while the next rounds are already being written.
#pragma once

#include <string>

#include "actors/online/online_options.h"

namespace midpo {

/// Runs or continues an online run in OUTPUT: OUTPUT/policy (PEFT adapter, or router), OUTPUT/state
/// (rounds, weights by version, scores, checkpoints), OUTPUT/manifest.json.
/// @return the exit status. @throws Error: whatever stopped the run; --resume continues it.
int run_online(OnlineConfig config, const std::string& resolved, const EngineFactory& engines);

}  // namespace midpo
