// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/critical_path.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace midpo {
namespace {

/// What the router does on one version.
double part_seconds(const PipelineTimes& times, const VersionSchedule& schedule) {
  const std::uint64_t parts = schedule.num_versions() - schedule.first_followed() + 1;
  return times.router.seconds() / static_cast<double>(parts);
}

}  // namespace

VersionSchedule schedule_of(const PipelineTimes& times) {
  std::vector<PublisherSteps> experts;
  for (const LearnerTimes& expert : times.experts) {
    experts.push_back({expert.steps, expert.steps_per_epoch});
  }
  return {times.versions, std::move(experts)};
}

double PipelineTimes::score_seconds() const {
  double seconds = 0.0;
  for (const ScoreNeed& need : scores) seconds += need.seconds;
  return seconds;
}

double sequential_seconds(const PipelineTimes& times) {
  double seconds = times.score_seconds() / times.num_scorers + times.router.seconds();
  for (const LearnerTimes& expert : times.experts) seconds += expert.seconds();
  return seconds;
}

std::vector<double> seconds_behind_steps(const PipelineTimes& times, std::size_t expert) {
  const VersionSchedule schedule = schedule_of(times);
  const double part = part_seconds(times, schedule);
  std::vector<double> behind(times.experts[expert].steps, 0.0);
  const std::uint64_t last = schedule.num_versions();
  for (std::uint64_t version = schedule.first_followed(); version <= last; ++version) {
    const double routing = part * static_cast<double>(last - version + 1);
    const std::uint64_t end = schedule.step_of(expert, version);
    for (std::uint64_t step = 0; step < end; ++step) {
      const double training = static_cast<double>(end - step) * times.experts[expert].step_seconds;
      behind[step] = std::max(behind[step], training + routing);
    }
  }
  return behind;
}

double critical_path_seconds(const PipelineTimes& times) {
  std::vector<ScoreNeed> most_urgent_first = times.scores;
  std::ranges::sort(most_urgent_first, std::greater<>{}, &ScoreNeed::seconds_behind);
  double seconds = 0.0;
  double scored = 0.0;
  for (const ScoreNeed& need : most_urgent_first) {
    scored += need.seconds / times.num_scorers;
    seconds = std::max(seconds, scored + need.seconds_behind);
  }
  double work = times.score_seconds();
  for (std::size_t i = 0; i < times.experts.size(); ++i) {
    const std::vector<double> behind = seconds_behind_steps(times, i);
    if (!behind.empty()) seconds = std::max(seconds, behind.front());
    work += times.experts[i].seconds();
  }
  if (times.num_shared > 0) {
    const double last_part = part_seconds(times, schedule_of(times));
    seconds = std::max(seconds, work / times.num_shared + last_part);
  }
  return seconds;
}

}  // namespace midpo
