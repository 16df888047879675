// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "actors/pipeline/pipeline_options.h"

namespace midpo {

struct PipelineOutcome {
  LearningResult experts;
  LearningResult router;
  double router_begin_seconds = 0.0;  ///< start of the experts' job to the router's
  /// Versions that experts were ahead of the router, at most; none: it followed none.
  std::optional<std::uint64_t> max_staleness = std::nullopt;
};

/// Hashes of everything the run made and the fate of every row, in OUTPUT/manifest.json.
/// @throws Error(kStorage), kInternal if the rows do not add up.
void write_pipeline_manifest(const PipelineFolder& folder, const std::vector<std::string>& inputs,
                             const std::string& started_at);

/// How the stages of this process overlapped, in OUTPUT/stages.json, for midpo report.
/// @throws Error(kStorage).
void write_stages(const PipelineFolder& folder, const PipelineOutcome& outcome);

/// When each stage was done, how busy everyone was, and the learners' tables.
std::string pipeline_summary(const PipelineOutcome& outcome);

}  // namespace midpo
