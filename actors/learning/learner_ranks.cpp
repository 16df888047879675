// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learner_ranks.h"

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "actors/learning/data_parallel_learner.h"
#include "actors/learning/rank_calls.h"
#include "actors/learning/rank_processes.h"
#include "actors/path_map.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

using nlohmann::json;

constexpr double kMiB = 1024.0 * 1024.0;

CollectiveOptions collective_options(const RankConfig& config, int rank,
                                     const std::string& device) {
  CollectiveOptions options;
  options.rank = rank;
  options.size = static_cast<int>(config.ranks);
  options.device = device;
  options.limits = config.limits();
  options.join_limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(config.join_seconds * 1e3));
  return options;
}

/// What a rank says of itself once its model is loaded, or why it is not.
json introduction(const Learner& learner, const LearnerOptions& options) {
  const LearnerMemory memory = learner.memory();
  return {{"content", learner.info().content.hex()},
          {"numerics", learner.info().numerics},
          {"device", learner.info().device},
          {"threads", options.num_threads},
          {"values_mib", static_cast<double>(memory.values) / kMiB},
          {"gradients_mib", static_cast<double>(memory.gradients) / kMiB},
          {"moments_mib", static_cast<double>(memory.moments) / kMiB}};
}

json introduction(const Error& error) {
  return {{"error", std::string(error_code_name(error.code()))}, {"text", error.what()}};
}

void log_rank(std::size_t rank, const json& said) {
  log::info("learner_rank", {{"rank", static_cast<std::uint64_t>(rank)},
                             {"device", said["device"].get<std::string>()},
                             {"threads", said["threads"].get<std::int64_t>()},
                             {"values_mib", said["values_mib"].get<double>()},
                             {"gradients_mib", said["gradients_mib"].get<double>()},
                             {"moments_mib", said["moments_mib"].get<double>()}});
}

/// Exchanges introductions. @throws Error: what a rank could not do, or in what it differs.
void meet(Collective& collective, const json& own) {
  const std::vector<std::string> texts = collective.gather(own.dump());
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    const json said = json::parse(texts[rank], nullptr, false);
    const std::string who = "rank " + std::to_string(rank) + ": ";
    require(said.is_object(), ErrorCode::kTransport, who + "it said nothing that can be read");
    if (said.contains("error")) {
      throw Error(error_code_from_name(said["error"].get<std::string>()),
                  who + said["text"].get<std::string>());
    }
    for (const char* key : {"content", "numerics"}) {
      const std::string there = said[key].get<std::string>();
      require(!own.contains(key) || own[key] == there, ErrorCode::kConfig,
              who + "its model's " + key + " is " + there + ", here it is " +
                  own[key].get<std::string>() + "; ranks need equal files, library and processors");
    }
    if (collective.rank() == 0) log_rank(rank, said);
  }
}

/// Loads the model and meets the others, who learn of it if that fails.
std::shared_ptr<Learner> load_and_meet(const LearnerOptions& options,
                                       const EngineFactory& engines) {
  std::shared_ptr<Learner> learner;
  json own;
  try {
    learner = engines.make_learner(options);
    own = introduction(*learner, options);
  } catch (const Error& error) {
    own = introduction(error);
  }
  meet(*options.collective, own);
  return learner;
}

void warn_of_open_network(const RendezvousAddress& address) {
  if (is_loopback(address)) return;
  log::warn("ranks_unencrypted",
            {{"rendezvous", address.text()},
             {"effect",
              "rows and gradients travel between hosts in plain, and whoever reaches the address "
              "can join; keep it on a network of its own"}});
}

void start_processes(RankProcesses& processes, const LearnerRanks& ranks,
                     const RendezvousAddress& address) {
  for (std::int64_t rank = 1; rank < ranks.group.ranks; ++rank) {
    RankPlace place;
    place.group = ranks.group;
    place.group.rendezvous = address.text();
    place.rank = rank;
    place.device = ranks.devices[static_cast<std::size_t>(rank)];
    place.threads = ranks.threads;
    processes.start(static_cast<int>(rank), place.arguments());
  }
}

void recruit_workers(const LearnerRanks& ranks, const RendezvousAddress& address) {
  for (std::int64_t rank = 1; rank < ranks.group.ranks; ++rank) {
    RankTask task;
    task.rendezvous = address.text();
    task.rank = static_cast<std::uint32_t>(rank);
    task.ranks = static_cast<std::uint32_t>(ranks.group.ranks);
    task.threads = static_cast<std::uint32_t>(is_loopback(address) ? ranks.threads : 0);
    task.silence_seconds = ranks.group.silence_seconds;
    task.deadline_seconds = ranks.group.deadline_seconds;
    task.join_seconds = ranks.group.join_seconds;
    ranks.recruiter->recruit(task);
  }
}

/// Lets the other ranks end before their processes are ended.
std::shared_ptr<Learner> wrap(std::shared_ptr<Learner> own, std::shared_ptr<Collective> collective,
                              std::shared_ptr<RankProcesses> processes,
                              std::shared_ptr<RankRecruiter> recruiter) {
  auto* learner = new DataParallelLearner(std::move(own), collective);
  return {learner, [collective, processes = std::move(processes),
                    recruiter = std::move(recruiter)](Learner* ended) {
            const bool is_whole = collective->problem().empty();
            delete ended;
            if (is_whole) processes->expect_end();
            if (is_whole && recruiter) recruiter->dismiss();
          }};
}

template <typename Map>
LearnerOptions with_paths(LearnerOptions options, const Map& map) {
  for (std::string* path : {&options.model.path, &options.resume_adapter, &options.safety_adapter,
                            &options.helpfulness_adapter}) {
    if (!path->empty()) *path = map(*path);
  }
  return options;
}

/// For the other ranks, which may have been started in other folders.
std::string told(const LearnerOptions& options) {
  return learner_options_to_json(with_paths(options, [](const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
  }));
}

}  // namespace

std::shared_ptr<Learner> make_ranked_learner(LearnerOptions options, const LearnerRanks& ranks,
                                             const EngineFactory& engines) {
  options.num_threads = ranks.threads;
  options.bucket_kib = ranks.group.bucket_kib;
  options.model.device = ranks.devices.front();
  if (ranks.group.ranks == 1) return engines.make_learner(options);
  require(!options.is_published_compat, ErrorCode::kConfig,
          "compat published counts log-probs by the padded batch, which ranks divide; leave ranks "
          "or compat out");
  RendezvousAddress address;
  if (!ranks.group.rendezvous.empty()) address = rendezvous_from_text(ranks.group.rendezvous);
  warn_of_open_network(address);
  FileDescriptor listener = listen_at(address);
  const auto processes = std::make_shared<RankProcesses>();
  if (ranks.recruiter) {
    recruit_workers(ranks, address);
  } else if (ranks.group.rendezvous.empty()) {
    start_processes(*processes, ranks, address);
  }
  CollectiveOptions joining = collective_options(ranks.group, 0, options.model.device);
  joining.rendezvous = address;
  joining.listener = listener.get();
  joining.watch = [processes, recruiter = ranks.recruiter] {
    return recruiter ? recruiter->problem() : processes->problem();
  };
  options.collective = open_collective(joining);
  options.collective->broadcast(told(options), Patience::kDeadline);
  std::shared_ptr<Learner> own = load_and_meet(options, engines);
  return wrap(std::move(own), options.collective, processes, ranks.recruiter);
}

void run_learner_rank(const RankPlace& place, const EngineFactory& engines) {
  // Rank 0 is told to stop, or to report, saves what all have done, and lets the others end.
  for (const int told : {SIGINT, SIGTERM, SIGUSR1}) std::signal(told, SIG_IGN);
  require(place.rank < place.group.ranks, ErrorCode::kConfig,
          "rank is " + std::to_string(place.rank) + ", must be below ranks, which is " +
              std::to_string(place.group.ranks));
  CollectiveOptions joining =
      collective_options(place.group, static_cast<int>(place.rank), place.device);
  joining.rendezvous = rendezvous_from_text(place.group.rendezvous);
  const std::shared_ptr<Collective> collective = open_collective(joining);
  const PathMap model_map(place.model_map);
  LearnerOptions options =
      with_paths(learner_options_from_json(collective->broadcast({}, Patience::kWhileAlive)),
                 [&](const std::string& path) { return model_map.local(path); });
  options.collective = collective;
  options.model.device = place.device;
  options.num_threads = place.threads;
  const std::shared_ptr<Learner> learner = load_and_meet(options, engines);
  serve_learner_rank(*learner, *collective);
}

}  // namespace midpo
