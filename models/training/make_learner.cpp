// SPDX-License-Identifier: Apache-2.0
#include "models/engine_errors.h"
#include "models/training/decoder_learner.h"

namespace midpo {

std::unique_ptr<Learner> make_decoder_learner(const LearnerOptions& options) {
  return guard_engine("loading " + options.model.path, [&]() -> std::unique_ptr<Learner> {
    switch (options.objective) {
      case Objective::kSft:
        return make_sft_learner(options);
      case Objective::kReward:
      case Objective::kCost:
        return make_score_learner(options);
      case Objective::kPairs:
        return make_pair_learner(options);
      case Objective::kRouter:
        return make_router_learner(options);
    }
    throw Error(ErrorCode::kInternal, "an objective without a learner");
  });
}

}  // namespace midpo
