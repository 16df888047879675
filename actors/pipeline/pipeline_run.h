// SPDX-License-Identifier: Apache-2.0
// midpo run: rows are scored and ranked while both experts train on them; then the router trains.
#pragma once

#include <string>

#include "actors/pipeline/pipeline_options.h"

namespace midpo {

/// Runs the pipeline in OUTPUT, or continues it; prints the plan first and the summary last. The
/// files it makes do not depend on overlap, scorers, timing or interruptions.
/// @return the exit status. @throws Error: whatever stopped the run; --resume continues it.
int run_pipeline(const PipelineConfig& config, const std::string& resolved,
                 const EngineFactory& engines);

}  // namespace midpo
