// SPDX-License-Identifier: Apache-2.0
// The learners of the method itself: two experts and the router (docs/method.md).
#pragma once

#include <string>

#include "actors/learning/learning_run.h"

namespace midpo {

/// Trains an adapter on pairs of which exactly one response is safe; the offset takes costs.
LearnerRequest safety_expert(const TrainingConfig& config);

/// Trains an adapter on the more helpful response; the offset takes rewards.
LearnerRequest helpfulness_expert(const TrainingConfig& config);

struct RouterOptions {
  std::string safety_adapter, helpfulness_adapter;
  std::int64_t gate_width = 512;
  double gate_regularizer = 1.0;
};

/// Gate width and regularizer.
void add_gate_options(OptionTable& table, RouterOptions& config);

/// Trains the gates on D_dual. @throws Error(kConfig) for an adapter that is no PEFT directory.
LearnerRequest router_learner(const TrainingConfig& config, const RouterOptions& router);

}  // namespace midpo
