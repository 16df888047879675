// SPDX-License-Identifier: Apache-2.0
// How fast a pipeline of scorers, learners and a router can be, whatever its schedule.
#pragma once

#include <cstdint>
#include <vector>

namespace midpo {

/// One learner on a device of its own.
struct LearnerTimes {
  std::uint64_t steps = 0;
  std::uint64_t steps_per_epoch = 1;
  double step_seconds = 0.0;
  double score_seconds = 0.0;  ///< scoring of all rows it trains on, on one scorer
};

struct PipelineTimes {
  double score_seconds = 0.0;  ///< all rows under all models, on one scorer
  std::uint32_t num_scorers = 1;
  std::vector<LearnerTimes> experts;
  LearnerTimes router;  ///< begins when D_dual and the first experts it follows are there
  /// Versions of each expert, by VersionSchedule; 1: the router begins behind their last step.
  std::uint64_t versions = 1;
  /// Cores that everything shares; 0: scorers and learners have devices of their own.
  std::uint32_t shared_cores = 0;
};

/// Scoring, then each expert, then the router, each with all that it can use.
double sequential_seconds(const PipelineTimes& times);

/// No schedule is faster: in its first epoch a learner cannot take step j before the rows of the
/// first j steps are scored, even with every scorer at its service; no rows are ranked before they
/// are scored; what the router does on a version comes behind the experts' steps before it; and
/// shared cores do no more than they can.
double critical_path_seconds(const PipelineTimes& times);

}  // namespace midpo
