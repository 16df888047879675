// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "actors/learning/midpo_learners.h"
#include "actors/online/online_options.h"

namespace midpo {

/// What `midpo run` was asked for. Keys of the experts and the router are those of their own
/// commands behind "expert." and "router.".
struct PipelineConfig {
  PipelineConfig();

  TrainingConfig shared;  ///< data, models, output, scoring, compute; steps are unused
  TrainingConfig expert;
  TrainingConfig router;
  RouterOptions gates;
  std::string router_device;
  std::string router_start = "after_experts";
  std::int64_t router_versions = 8;
  std::int64_t router_max_staleness = 2;
  std::string policy = "dual";
  std::string scores_output;
  OnlineConfig online;
  std::string mode = "offline";
  bool is_sequential = false;
  bool is_dry_run = false;

  bool follows() const { return router_start == "following"; }
};

void add_pipeline_options(OptionTable& table, PipelineConfig& config);

/// @throws Error(kConfig) for keys that do not go together.
void check_pipeline_options(const PipelineConfig& config);

/// The run's folder: everything it makes and keeps.
struct PipelineFolder {
  std::string dir;

  std::string adapters() const { return dir + "/adapters"; }
  std::string router() const { return dir + "/router"; }
  std::string d_dual() const { return dir + "/d_dual.jsonl"; }
  std::string scores() const { return dir + "/state/scores"; }
  std::string state() const { return dir + "/state"; }
  std::string expert_state() const { return dir + "/state/experts"; }
  std::string router_state() const { return dir + "/state/router"; }
  std::string versions() const { return dir + "/state/versions"; }
  std::string manifest() const { return dir + "/manifest.json"; }
};

/// What the online mode works on: the run's data, models and devices.
OnlineConfig online_config(const PipelineConfig& config);

/// The first stage: rows are scored and ranked while both experts train.
LearningRequest expert_stage(const PipelineConfig& config, const std::string& resolved);

/// The second: the router trains on D_dual; scores and reference log-probs are in the store.
/// @param safety, helpfulness  the experts it begins with.
/// @throws Error(kConfig) if the first has not left them.
LearningRequest router_stage(const PipelineConfig& config, const std::string& resolved,
                             const std::string& safety, const std::string& helpfulness);

}  // namespace midpo
