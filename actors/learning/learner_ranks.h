// SPDX-License-Identifier: Apache-2.0
// From options to a learner on several ranks: who starts, how they meet, what they are told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/learning/rank_options.h"
#include "actors/remote/rank_recruiter.h"
#include "models/learner.h"

namespace midpo {

/// One model's ranks.
struct LearnerRanks {
  RankConfig group;
  std::vector<std::string> devices;                    ///< [rank]; of other hosts' ranks: unused
  std::int64_t threads = 0;                            ///< of each rank, CPU; 0: all cores
  std::shared_ptr<RankRecruiter> recruiter = nullptr;  ///< null: no workers become ranks
};

/// The learner of rank 0, and behind it all others, which have loaded the same model. One rank:
/// just the learner. @throws Error: kTransport naming a rank that did not come or ended; kConfig
/// for a rank whose model is another; whatever a rank's loading threw.
std::shared_ptr<Learner> make_ranked_learner(LearnerOptions options, const LearnerRanks& ranks,
                                             const EngineFactory& engines);

/// A whole process as a rank other than 0, until rank 0 lets it end.
void run_learner_rank(const RankPlace& place, const EngineFactory& engines);

}  // namespace midpo
