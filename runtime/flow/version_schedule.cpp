// SPDX-License-Identifier: Apache-2.0
#include "runtime/flow/version_schedule.h"

#include <algorithm>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {

VersionSchedule::VersionSchedule(std::uint64_t num_versions, std::vector<PublisherSteps> publishers)
    : num_versions_(num_versions), publishers_(std::move(publishers)), first_followed_(1) {
  require(num_versions_ > 0 && !publishers_.empty(), ErrorCode::kConfig,
          "a version schedule needs a version and a publisher");
  for (const PublisherSteps& publisher : publishers_) {
    require(publisher.steps > 0, ErrorCode::kConfig, "a publisher of versions takes no step");
    num_versions_ = std::min(num_versions_, publisher.steps);
  }
  const auto is_behind_first_epoch = [&](std::uint64_t version) {
    for (std::size_t i = 0; i < publishers_.size(); ++i) {
      const PublisherSteps& publisher = publishers_[i];
      if (step_of(i, version) < std::min(publisher.steps, publisher.steps_per_epoch)) return false;
    }
    return true;
  };
  while (!is_behind_first_epoch(first_followed_)) ++first_followed_;
}

std::uint64_t VersionSchedule::step_of(std::size_t publisher, std::uint64_t version) const {
  return (version * publishers_[publisher].steps + num_versions_ - 1) / num_versions_;
}

std::uint64_t VersionSchedule::newest_at(std::size_t publisher, std::uint64_t steps_done) const {
  return std::min(num_versions_, steps_done * num_versions_ / publishers_[publisher].steps);
}

std::uint64_t VersionSchedule::version_for(std::uint64_t step, std::uint64_t num_steps) const {
  if (step >= num_steps) return num_versions_;
  const std::uint64_t num_followed = num_versions_ - first_followed_ + 1;
  // Counted from the end: a follower of few steps leaves out the first versions, never the last.
  return num_versions_ - (num_steps - 1 - step) * num_followed / num_steps;
}

}  // namespace midpo
