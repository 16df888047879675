// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/expert_versions.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/core/atomic_file.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using nlohmann::json;

constexpr std::array<const char*, kNumExperts> kNames = {"safety", "helpfulness"};

std::string schedule_json(const VersionSchedule& schedule) {
  json experts = json::array();
  for (const PublisherSteps& expert : schedule.publishers()) {
    experts.push_back({{"steps", expert.steps}, {"steps_per_epoch", expert.steps_per_epoch}});
  }
  return json{{"versions", schedule.num_versions()}, {"experts", experts}}.dump();
}

VersionSchedule read_schedule(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), ErrorCode::kConfig,
          path +
              " is missing, so that the experts were not trained to be followed; give "
              "router.start: after_experts, as the run began, or start anew with --overwrite");
  const json recorded = json::parse(file);
  std::vector<PublisherSteps> experts;
  for (const json& expert : recorded.at("experts")) {
    experts.push_back({expert.at("steps"), expert.at("steps_per_epoch")});
  }
  return {recorded.at("versions"), std::move(experts)};
}

}  // namespace

ExpertVersions::ExpertVersions(const std::string& dir, std::optional<std::uint64_t> max_staleness)
    : schedule_path_(dir + "/schedule.json"), max_staleness_(max_staleness) {
  for (std::size_t expert = 0; expert < kNumExperts; ++expert) {
    shelves_.emplace_back(dir + "/" + kNames[expert]);
    published_[expert] = shelves_.back().list();
  }
}

void ExpertVersions::settle(const VersionSchedule& schedule) {
  const std::string text = schedule_json(schedule);
  if (!std::filesystem::exists(schedule_path_)) {
    write_file_atomically(schedule_path_, text);
  } else {
    const std::string recorded = schedule_json(read_schedule(schedule_path_));
    require(recorded == text, ErrorCode::kConfig,
            "router.versions: this run publishes by the schedule " + recorded + ", asked for is " +
                text + "; give the first run's router.versions, or start anew with --overwrite");
  }
  schedule_ = schedule;
}

const VersionSchedule& ExpertVersions::schedule() {
  if (!schedule_) schedule_ = read_schedule(schedule_path_);
  return *schedule_;
}

bool ExpertVersions::has(std::size_t expert, std::uint64_t version) const {
  return published_[expert].count(version) == 1;
}

void ExpertVersions::publish(std::size_t expert, const Learner& learner, std::uint64_t steps_done) {
  const std::uint64_t newest = schedule_->newest_at(expert, steps_done);
  for (std::uint64_t version = 1; version <= newest; ++version) {
    {
      const std::lock_guard lock(mutex_);
      if (has(expert, version)) continue;
    }
    require(schedule_->step_of(expert, version) == steps_done, ErrorCode::kConfig,
            std::string(kNames[expert]) + " expert: version " + std::to_string(version) +
                " is missing, behind which it has gone on; give router.start: after_experts if "
                "the run began so, or start anew with --overwrite");
    PublishedWeights published = shelves_[expert].publish(learner, version);
    const std::lock_guard lock(mutex_);
    published_[expert][version] = std::move(published);
  }
  const std::lock_guard lock(mutex_);
  expert_steps_[expert] = steps_done;
  changed_.notify_all();
}

std::optional<StepWait> ExpertVersions::hold(std::size_t expert, const StepPlace& place) const {
  if (!max_staleness_ || place.steps_done == place.num_steps) return std::nullopt;
  const std::uint64_t next = schedule_->newest_at(expert, place.steps_done + 1);
  const std::lock_guard lock(mutex_);
  const std::uint64_t used = router_version_.value_or(schedule_->first_followed());
  if (is_router_done_ || has(expert, next) || may_publish(next, used, *max_staleness_)) {
    return std::nullopt;
  }
  // Before the router begins, D_dual is waited for, or models to be loaded.
  return StepWait{"waiting for the router to be done with version " + std::to_string(used) +
                      " before version " + std::to_string(next) + " is published",
                  router_steps_, router_version_.has_value()};
}

void ExpertVersions::note_router(std::uint64_t version, std::uint64_t steps_done) {
  const std::lock_guard lock(mutex_);
  const bool has_stepped = router_version_ && steps_done > router_steps_;
  if (has_stepped) {
    max_staleness_seen_ = std::max(max_staleness_seen_, newest() - *router_version_);
  }
  router_version_ = version;
  router_steps_ = steps_done;
}

std::uint64_t ExpertVersions::max_staleness_seen() const {
  const std::lock_guard lock(mutex_);
  return max_staleness_seen_;
}

std::optional<StepWait> ExpertVersions::missing(std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t expert = 0; expert < kNumExperts; ++expert) {
    if (has(expert, version)) continue;
    return StepWait{"waiting for version " + std::to_string(version) + " of the " + kNames[expert] +
                        " expert, which has done " + std::to_string(expert_steps_[expert]) +
                        " steps",
                    expert_steps_[expert]};
  }
  return std::nullopt;
}

std::array<PublishedWeights, kNumExperts> ExpertVersions::weights(std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  return {published_[0].at(version), published_[1].at(version)};
}

std::uint64_t ExpertVersions::staleness(std::uint64_t version) const {
  const std::lock_guard lock(mutex_);
  return newest() - version;
}

std::uint64_t ExpertVersions::newest() const {
  std::uint64_t newest = 0;
  for (const auto& versions : published_) {
    if (!versions.empty()) newest = std::max(newest, versions.rbegin()->first);
  }
  return newest;
}

void ExpertVersions::note_ranked() {
  const std::lock_guard lock(mutex_);
  is_ranked_ = true;
  changed_.notify_all();
}

void ExpertVersions::note_experts_done() {
  const std::lock_guard lock(mutex_);
  are_experts_done_ = true;
  changed_.notify_all();
}

void ExpertVersions::note_router_done() {
  const std::lock_guard lock(mutex_);
  is_router_done_ = true;
}

void ExpertVersions::give_up() {
  const std::lock_guard lock(mutex_);
  has_failed_ = true;
  changed_.notify_all();
}

bool ExpertVersions::wait_for_start() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    if (has_failed_ || are_experts_done_) return true;
    if (!is_ranked_) return false;
    const std::uint64_t first = schedule_->first_followed();
    return has(0, first) && has(1, first);
  });
  return !has_failed_;
}

}  // namespace midpo
