// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "actors/generation/generation_options.h"
#include "actors/learning/midpo_learners.h"

namespace midpo {

/// What `midpo run --mode online` was asked for beside what both modes share.
struct OnlineConfig {
  OnlineConfig();

  TrainingConfig training;  ///< data: prompts; batch_size: prompts of a round
  SamplingConfig sampling;
  RouterOptions gates;
  std::string learner = "adapter";
  std::string policy = "dual";
  std::int64_t max_staleness = 1;
  std::int64_t generators = 1;
  std::int64_t generator_threads = 1;
  std::string generator_device;
};

/// The keys of section "online"; those of its sampling have a section of their own.
void add_online_options(OptionTable& section, OnlineConfig& config);

}  // namespace midpo
