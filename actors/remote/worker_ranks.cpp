// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/worker_ranks.h"

#include <algorithm>

#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

std::vector<std::string> arguments_of(const RankTask& task, const std::string& device) {
  return {"learner-rank",
          "--rendezvous",
          task.rendezvous,
          "--rank",
          std::to_string(task.rank),
          "--ranks",
          std::to_string(task.ranks),
          "--device",
          device,
          "--threads",
          std::to_string(task.threads),
          "--rank-silence-seconds",
          number_text(task.silence_seconds),
          "--rank-deadline-seconds",
          number_text(task.deadline_seconds),
          "--rank-join-seconds",
          number_text(task.join_seconds)};
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
  processes_.start(number, arguments_of(given.body, *device));
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
