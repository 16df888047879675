// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_ranks.h"

#include <algorithm>

#include "actors/learning/rank_options.h"
#include "runtime/core/error.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

RankPlace place_of(const RankTask& task, const std::string& device, const PathMap& model_map) {
  RankPlace place;
  place.group.ranks = task.ranks;
  place.group.rendezvous = task.rendezvous;
  place.group.silence_seconds = task.silence_seconds;
  place.group.deadline_seconds = task.deadline_seconds;
  place.group.join_seconds = task.join_seconds;
  place.rank = task.rank;
  place.device = device;
  place.threads = task.threads;
  place.model_map = model_map.entries();
  return place;
}

}  // namespace

std::uint32_t WorkerRanks::num_free(const WorkerConfig& config) {
  return static_cast<std::uint32_t>(config.devices.size() -
                                    std::min(config.devices.size(), device_of_.size()));
}

void WorkerRanks::start(const WorkerConfig& config, const RankGiven& given) {
  const auto is_free = [this](const std::string& device) {
    return std::ranges::none_of(device_of_,
                                [&](const auto& entry) { return entry.second == device; });
  };
  const auto device = std::ranges::find_if(config.devices, is_free);
  require(device != config.devices.end(), ErrorCode::kTransport, "no device is free for a rank");
  const int number = next_++;
  processes_.start(number, place_of(given.body, *device, config.model_map).arguments());
  given_[number] = given;
  device_of_[number] = *device;
  log::info("rank_started", {{"rank", static_cast<std::uint64_t>(given.body.rank)},
                             {"ranks", static_cast<std::uint64_t>(given.body.ranks)},
                             {"rendezvous", given.body.rendezvous},
                             {"device", *device}});
}

std::vector<WorkerRanks::Ended> WorkerRanks::take_ended() {
  std::vector<Ended> all;
  for (const auto& [number, how] : processes_.take_ended()) {
    all.push_back({given_.at(number), how});
    given_.erase(number);
    device_of_.erase(number);
    log::info("rank_ended",
              {{"rank", static_cast<std::uint64_t>(all.back().given.body.rank)}, {"how", how}});
  }
  return all;
}

}  // namespace midpo
