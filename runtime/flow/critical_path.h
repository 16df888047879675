// SPDX-License-Identifier: Apache-2.0
// How fast a pipeline of scorers, learners and a router can be, whatever its schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/flow/version_schedule.h"

namespace midpo {

/// One learner on a device of its own.
struct LearnerTimes {
  std::uint64_t steps = 0;
  std::uint64_t steps_per_epoch = 1;
  double step_seconds = 0.0;

  double seconds() const { return static_cast<double>(steps) * step_seconds; }
};

/// Scores to be computed, and what cannot begin before.
struct ScoreNeed {
  double seconds = 0.0;         ///< on one scorer
  double seconds_behind = 0.0;  ///< from the first step that needs them to the end of all
};

struct PipelineTimes {
  std::uint32_t num_scorers = 1;  ///< that compute side by side
  std::vector<ScoreNeed> scores;  ///< in any order
  std::vector<LearnerTimes> experts;
  LearnerTimes router;  ///< begins when D_dual and the first experts it follows are there
  /// Versions of each expert, by VersionSchedule; 1: the router begins behind their last step.
  std::uint64_t versions = 1;
  /// Cores or devices that scorers and experts share; 0: each has one of its own.
  std::uint32_t num_shared = 0;

  double score_seconds() const;  ///< all of them, on one scorer
};

/// Which versions the router follows; versions 1: the experts' last weights.
VersionSchedule schedule_of(const PipelineTimes& times);

/// Scoring, then each expert, then the router, each with all that it can use.
double sequential_seconds(const PipelineTimes& times);

/// From the beginning of an expert's step to the end of all, if nothing waits: the expert's steps
/// up to a version and the router's from there on, for the version that takes longest.
std::vector<double> seconds_behind_steps(const PipelineTimes& times, std::size_t expert);

/// No schedule is faster. The scores that have x seconds and more behind them take w(x) seconds of
/// all scorers together, so that nothing ends before w(x) + x, for every x (the demand bound of
/// earliest-deadline-first scheduling); and what is shared does no more than it can.
double critical_path_seconds(const PipelineTimes& times);

}  // namespace midpo
