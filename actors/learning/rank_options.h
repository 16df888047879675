// SPDX-License-Identifier: Apache-2.0
// How many ranks train one model, where they meet, how long they wait for each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/config/options.h"
#include "runtime/distributed/open_collective.h"

namespace midpo {

/// What the ranks of a group agree on.
struct RankConfig {
  std::int64_t ranks = 1;
  std::string rendezvous;  ///< tcp://HOST:PORT; empty: all ranks on this host, started by rank 0
  std::string source = "processes";  ///< or workers: those that listen lets in become ranks
  std::int64_t bucket_kib = 4096;
  double silence_seconds = 5.0;
  double deadline_seconds = 600.0;
  double join_seconds = 300.0;

  RankLimits limits() const;
};

/// What one process that is a rank, but not rank 0, is told on its command line.
struct RankPlace {
  RankConfig group;
  std::int64_t rank = 1;
  std::string device = "cpu";
  std::int64_t threads = 0;            ///< 0: all cores
  std::vector<std::string> model_map;  ///< entries of a PathMap

  /// The command line, after the program's name, that gives this place.
  std::vector<std::string> arguments() const;
};

void add_rank_options(OptionTable& table, RankConfig& config);
/// Options of the command learner-rank.
void add_rank_place_options(OptionTable& table, RankPlace& place);

}  // namespace midpo
