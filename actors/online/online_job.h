// SPDX-License-Identifier: Apache-2.0
// What an online job is: fixed before its actors start, shared by all of them, never changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/generation/generation_job.h"
#include "actors/learning/learning_job.h"

namespace midpo {

/// Round r is optimizer step r: its prompts get candidates from the weights of version_of(r), the
/// candidates are scored and ranked, and the pairs that are kept are trained on.
struct OnlineJob : ScoringJob {
  std::vector<PreferenceRow> prompts;  ///< by row; a round's part names them by place in here
  std::vector<BadRow> bad_prompts;     ///< left out from the start, by row
  LearnerJob learner;                  ///< batches: rows are prompts
  /// Decides the pairs; its models are the first of this job's, its templates all of them.
  std::shared_ptr<const RankJob> ranking;
  std::uint32_t reference_model = 0;  ///< index into models

  const EngineFactory* engines = nullptr;       ///< opens the policy at each version
  ModelOptions policy;                          ///< without what is trained
  std::shared_ptr<const GenerationModel> base;  ///< of it, without experts
  GenerationJob generation;                     ///< without replicas
  std::vector<std::string> generator_devices;
  std::uint64_t max_staleness = 0;
  std::string weights_dir;
  std::string rounds_dir;

  std::uint64_t num_rounds() const { return BatchPlan(learner.batches).num_steps(); }

  /// The weights that write round r: those of `max_staleness` steps before, always. What is written
  /// then depends on no timing, and staleness is bounded without throwing anything away.
  std::uint64_t version_of(std::uint64_t round) const {
    return round > max_staleness ? round - max_staleness : 0;
  }
};

}  // namespace midpo
