// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace midpo {

/// One learner that publishes its weights while it trains.
struct PublisherSteps {
  std::uint64_t steps = 0;
  std::uint64_t steps_per_epoch = 1;

  bool operator==(const PublisherSteps&) const = default;
};

/// Which weights one learner publishes behind which of its steps, and which of them another one,
/// the follower, uses in which of its own: a function of the plan alone, so that what the follower
/// trains on depends on no timing. Version 1 is the first, num_versions() stands behind the last
/// step of every publisher.
class VersionSchedule {
 public:
  /// A publisher gets no more versions than it has steps.
  /// @throws Error(kConfig) for no version, no publisher or one without steps.
  VersionSchedule(std::uint64_t num_versions, std::vector<PublisherSteps> publishers);

  std::uint64_t num_versions() const { return num_versions_; }
  const std::vector<PublisherSteps>& publishers() const { return publishers_; }

  /// The publisher's steps behind a version, 1 .. num_versions().
  std::uint64_t step_of(std::size_t publisher, std::uint64_t version) const;

  /// The last version that stands behind `steps_done` steps or fewer; 0: none does.
  std::uint64_t newest_at(std::size_t publisher, std::uint64_t steps_done) const;

  /// The first version that no publisher reaches before the end of its first epoch.
  std::uint64_t first_followed() const { return first_followed_; }

  /// What step `step` of `num_steps` of the follower uses: first_followed() first, each later
  /// version for an equal part, the last part on num_versions(). Behind the last step: the last.
  std::uint64_t version_for(std::uint64_t step, std::uint64_t num_steps) const;

 private:
  std::uint64_t num_versions_;
  std::vector<PublisherSteps> publishers_;
  std::uint64_t first_followed_;
};

/// Whether a publisher may publish `version` while the follower still uses `used`: it may be
/// `max_staleness` ahead.
constexpr bool may_publish(std::uint64_t version, std::uint64_t used, std::uint64_t max_staleness) {
  return version <= used + max_staleness;
}

}  // namespace midpo
