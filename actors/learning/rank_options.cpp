// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/rank_options.h"

#include "actors/path_map.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

constexpr std::int64_t kMaxRanks = 1024;

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3));
}

}  // namespace

RankLimits RankConfig::limits() const {
  return {milliseconds_of(silence_seconds), milliseconds_of(deadline_seconds)};
}

std::vector<std::string> RankPlace::arguments() const {
  std::vector<std::string> words{"learner-rank",
                                 "--rendezvous",
                                 group.rendezvous,
                                 "--rank",
                                 std::to_string(rank),
                                 "--ranks",
                                 std::to_string(group.ranks),
                                 "--device",
                                 device,
                                 "--threads",
                                 std::to_string(threads),
                                 "--rank-silence-seconds",
                                 number_text(group.silence_seconds),
                                 "--rank-deadline-seconds",
                                 number_text(group.deadline_seconds),
                                 "--rank-join-seconds",
                                 number_text(group.join_seconds)};
  for (const std::string& entry : model_map) words.insert(words.end(), {"--model-map", entry});
  return words;
}

void add_rank_options(OptionTable& table, RankConfig& config) {
  table.group("Ranks");
  table
      .integer("ranks", &config.ranks, 1, kMaxRanks,
               "Processes that train one model together, each on its share of every batch")
      .aliases = {"nproc_per_node", "num_processes"};
  table.text("rendezvous", &config.rendezvous, "ADDRESS",
             "tcp://HOST:PORT of this host: ranks on several hosts meet there, each started as "
             "midpo learner-rank; without it all run here and start by themselves");
  table.integer("rank_bucket_kib", &config.bucket_kib, 1, 1 << 20,
                "Gradients that are summed at once, while others are still computed");
  table.number("rank_silence_seconds", &config.silence_seconds, 1.0, 1e6,
               "A rank without a sign of life for so long stops the run");
  table.number("rank_deadline_seconds", &config.deadline_seconds, 1.0, 1e6,
               "So does one that lives, but does not come to a sum the others wait in");
  table.number("rank_join_seconds", &config.join_seconds, 1.0, 1e6,
               "Time for all ranks to come at the start");
}

void add_rank_place_options(OptionTable& table, RankPlace& place) {
  add_rank_options(table, place.group);
  table.group("This rank");
  table.integer("rank", &place.rank, 1, kMaxRanks, "Its number: 1 to ranks - 1").is_required = true;
  table.text("device", &place.device, "DEVICE", "cpu or cuda:N");
  table.integer("threads", &place.threads, 0, 4096, "Threads of one step, CPU; 0: one per core");
  add_path_map_option(table, place.model_map);
}

}  // namespace midpo
