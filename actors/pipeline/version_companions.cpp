// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/version_companions.h"

#include <utility>

#include "runtime/observe/log.h"

namespace midpo {
namespace {

class Publisher final : public StepCompanion {
 public:
  Publisher(std::shared_ptr<ExpertVersions> versions, std::size_t expert)
      : versions_(std::move(versions)), expert_(expert) {}

  void arrive(Learner& learner, const StepPlace& place) override {
    versions_->publish(expert_, learner, place.steps_done);
  }
  std::optional<StepWait> wait(const StepPlace& place) override {
    return versions_->hold(expert_, place);
  }
  std::vector<NamedNumber> depart(Learner&, const StepPlace&) override { return {}; }

 private:
  std::shared_ptr<ExpertVersions> versions_;
  std::size_t expert_;
};

class Follower final : public StepCompanion {
 public:
  explicit Follower(std::shared_ptr<ExpertVersions> versions) : versions_(std::move(versions)) {}

  std::string plan() const override {
    const VersionSchedule& schedule = versions_->schedule();
    return "versions " + std::to_string(schedule.first_followed()) + " to " +
           std::to_string(schedule.num_versions());
  }

  void arrive(Learner&, const StepPlace& place) override {
    versions_->note_router(version_at(place), place.steps_done);
  }
  std::optional<StepWait> wait(const StepPlace& place) override {
    return versions_->missing(version_at(place));
  }
  std::vector<NamedNumber> depart(Learner& learner, const StepPlace& place) override {
    const std::uint64_t version = version_at(place);
    const std::uint64_t staleness = versions_->staleness(version);
    if (live_ != version) {
      const auto experts = versions_->weights(version);
      for (const PublishedWeights& weights : experts) verify_weights(weights);
      learner.take_experts(experts[0].path, experts[1].path);
      live_ = version;
      log::info("experts_taken_over",
                {{"step", place.steps_done}, {"version", version}, {"staleness", staleness}});
    }
    return {{"router/expert_version", static_cast<double>(version)},
            {"router/staleness", static_cast<double>(staleness)}};
  }

 private:
  std::uint64_t version_at(const StepPlace& place) const {
    return versions_->schedule().version_for(place.steps_done, place.num_steps);
  }

  std::shared_ptr<ExpertVersions> versions_;
  std::optional<std::uint64_t> live_;
};

}  // namespace

std::shared_ptr<StepCompanion> make_publisher(std::shared_ptr<ExpertVersions> versions,
                                              std::size_t expert) {
  return std::make_shared<Publisher>(std::move(versions), expert);
}

std::shared_ptr<StepCompanion> make_follower(std::shared_ptr<ExpertVersions> versions) {
  return std::make_shared<Follower>(std::move(versions));
}

}  // namespace midpo
