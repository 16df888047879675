// SPDX-License-Identifier: Apache-2.0
// router.start: following. The router's job begins when D_dual is complete and runs beside the
// experts', on the versions that these publish; or, stage after stage, behind it on the same ones.
#pragma once

#include <string>

#include "actors/pipeline/pipeline_summary.h"

namespace midpo {

/// Trains the experts and the router that follows them, to the same bytes beside each other as one
/// after the other. An error of one job stops the other, with its state saved.
/// @param experts  expert_stage() @throws Error: whatever stopped the run; --resume continues it.
PipelineOutcome train_following(const PipelineConfig& config, const std::string& resolved,
                                LearningRequest experts, const EngineFactory& engines);

}  // namespace midpo
