// SPDX-License-Identifier: Apache-2.0
// One ranking run from an empty or interrupted folder to manifest.json.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/job.h"
#include "actors/job_outcome.h"
#include "actors/remote/remote_job.h"
#include "actors/run_folder.h"

namespace midpo {

/// What a run is made from, before anything is opened.
struct RankRun {
  RunFolder folder;
  std::vector<std::string> data;
  RowRequirements requirements;
  std::string template_name;
  std::string policy_name;
  std::string resolved_config;        ///< saved as config.yaml
  std::shared_ptr<RemoteJob> remote;  ///< null: no workers of other processes
  std::function<void(RankJob& job)>
      load_models;  ///< fills models, templates and what depends on them
};

struct RankResult {
  RankJob job;
  JobOutcome outcome;
};

/// Opens the rows, loads the models, opens the store, records the plan or compares it with the
/// recorded one, runs the actors, writes manifest.json.
/// @throws Error: whatever stopped the run; what was committed is kept and --resume continues.
RankResult run_ranking(const RankRun& run, RankJob job);

/// For a folder whose run is finished. @throws Error(kConfig) naming each key in which its plan is
/// not the one asked for.
void check_finished_ranking(const RankRun& run, RankJob job);

}  // namespace midpo
