// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/critical_path.h"

#include <algorithm>
#include <utility>

#include "runtime/flow/version_schedule.h"

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

/// The experts' first steps up to a version.
LearnerTimes until(const LearnerTimes& expert, std::uint64_t step) {
  LearnerTimes part = expert;
  part.steps = step;
  return part;
}

}  // namespace

double sequential_seconds(const PipelineTimes& times) {
  double seconds = times.score_seconds / times.num_scorers + training_seconds(times.router);
  for (const LearnerTimes& expert : times.experts) seconds += training_seconds(expert);
  return seconds;
}

double critical_path_seconds(const PipelineTimes& times) {
  const double num_scorers = times.num_scorers;
  double work = times.score_seconds;
  std::vector<PublisherSteps> experts;
  for (const LearnerTimes& expert : times.experts) {
    work += training_seconds(expert);
    experts.push_back({expert.steps, expert.steps_per_epoch});
  }
  const VersionSchedule schedule(times.versions, std::move(experts));
  const std::uint64_t first = schedule.first_followed();
  const std::uint64_t last = schedule.num_versions();
  const double part = training_seconds(times.router) / static_cast<double>(last - first + 1);
  double seconds = 0.0;
  for (std::uint64_t version = first; version <= last; ++version) {
    double ready = times.score_seconds / num_scorers;
    for (std::size_t i = 0; i < times.experts.size(); ++i) {
      const LearnerTimes expert = until(times.experts[i], schedule.step_of(i, version));
      ready = std::max(ready, learner_seconds(expert, num_scorers));
    }
    if (version == last && times.shared_cores > 0) {
      ready = std::max(ready, work / times.shared_cores);
    }
    seconds = std::max(seconds, ready + part * static_cast<double>(last - version + 1));
  }
  return seconds;
}

}  // namespace midpo
