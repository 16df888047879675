// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "actors/generation/generation_job.h"
#include "actors/generation/prompt_desk.h"

namespace midpo {

struct GenerationOutcome {
  GenerationTotals totals;
  double wall_seconds = 0.0;
};

/// Runs a job to its end on an actor system of its own. What was written before an error or a
/// request to stop is durable.
/// @throws Error: the first of any actor; kShutdown when a stop was asked for (stop_requested()).
GenerationOutcome run_generation_job(std::shared_ptr<const GenerationJob> job,
                                     std::unique_ptr<RowReader> reader,
                                     std::unique_ptr<GrowingFile> output);

}  // namespace midpo
