// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/critical_path.h"

#include <algorithm>

namespace midpo {
namespace {

double training_seconds(const LearnerTimes& learner) {
  return static_cast<double>(learner.steps) * learner.step_seconds;
}

/// Both ends of the first epoch bind, since what is scored grows evenly with the steps taken.
double learner_seconds(const LearnerTimes& learner, double num_scorers) {
  if (learner.steps == 0) return 0.0;
  const double scored = learner.score_seconds / num_scorers;
  const auto epoch = static_cast<double>(std::min(learner.steps, learner.steps_per_epoch));
  const double from_first_batch =
      scored / static_cast<double>(learner.steps_per_epoch) + training_seconds(learner);
  const double behind_scoring =
      scored * epoch / static_cast<double>(learner.steps_per_epoch) +
      (static_cast<double>(learner.steps) - epoch + 1.0) * learner.step_seconds;
  return std::max(from_first_batch, behind_scoring);
}

}  // namespace

double sequential_seconds(const PipelineTimes& times) {
  double seconds = times.score_seconds / times.num_scorers + training_seconds(times.router);
  for (const LearnerTimes& expert : times.experts) seconds += training_seconds(expert);
  return seconds;
}

double critical_path_seconds(const PipelineTimes& times) {
  const double num_scorers = times.num_scorers;
  double ready = times.score_seconds / num_scorers;
  double work = times.score_seconds;
  for (const LearnerTimes& expert : times.experts) {
    ready = std::max(ready, learner_seconds(expert, num_scorers));
    work += training_seconds(expert);
  }
  if (times.shared_cores > 0) ready = std::max(ready, work / times.shared_cores);
  return ready + training_seconds(times.router);
}

}  // namespace midpo
