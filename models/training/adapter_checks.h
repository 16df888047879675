// SPDX-License-Identifier: Apache-2.0
// Whether adapters that were trained elsewhere can be trained further, or gated.
#pragma once

#include "models/learner.h"
#include "models/weights.h"

namespace midpo {

/// @throws Error(kConfig) saying what to give unless the adapter has the modules, the rank and the
/// scale that `lora` says: those are what the result is written with.
void require_continues(const Adapter& adapter, const LoraOptions& lora);

/// @throws Error(kCheckpoint) unless both adapt down projections alone, all with one scale: the
/// gates weigh nothing else, and a router records one scale.
void require_gateable(const Adapter& safety, const Adapter& helpfulness);

}  // namespace midpo
