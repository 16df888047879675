// SPDX-License-Identifier: Apache-2.0
// The online half of a simulated job: rounds of prompts, written with versions of weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/flow/part_desk.h"
#include "runtime/transport/worker_session.h"
#include "runtime/transport/worker_table.h"
#include "tests/simulation/job.h"
#include "tests/simulation/world.h"

namespace midpo::simulation {

/// Small enough that a version is several pieces.
constexpr WeightsLimits kWeightsLimits{.piece_bytes = 64};

using PromptOfRound = std::pair<std::uint64_t, std::uint64_t>;  ///< round, prompt

/// What a worker whose weights have these bytes writes.
PromptResult write_prompts(const PromptTask& task, const Frame& weights);

/// A worker's weights as they arrive, checked as a worker checks them.
class ArrivedWeights {
 public:
  /// @return what to confirm, behind a version's last piece.
  std::optional<Confirm> take(const WeightsGiven& given);
  /// Of a version that it has confirmed; null: it has not.
  const Frame* find(std::uint64_t version) const;
  void clear() { versions_.clear(); }

 private:
  std::map<std::uint64_t, Frame> versions_;  ///< all files one behind the other
};

/// The coordinator's rounds around the real PartDesk; follows actors/online (generator_crew,
/// online_coordinator, the learner) step by step.
class Rounds {
 public:
  Rounds(const Job& job, WorkerTable& table);

  bool is_done() const { return steps_done_ == job_.num_rounds; }
  std::string describe() const;

  void join(const WorkerReady& ready);
  void confirm(const WeightsConfirmed& confirmed);
  void finish(const PromptsDone& done);
  /// @return the prompts that were given up
  std::vector<PromptOfRound> blame(std::uint64_t task);
  void leave(WorkerId worker);
  void hand_out(Time now);

 private:
  std::uint64_t version_of(std::uint64_t round) const {
    return round > job_.staleness ? round - job_.staleness : 0;
  }
  void publish();
  void admit();
  void advance();

  const Job& job_;
  WorkerTable& table_;
  PartDesk parts_;
  std::map<WorkerId, std::set<std::uint64_t>> confirmed_;
  std::map<std::uint64_t, std::set<std::uint64_t>> written_;  ///< [round] prompts
  std::map<std::uint64_t, std::uint64_t> left_out_;           ///< [round] how many
  std::set<std::uint64_t> blamed_;                            ///< tasks
  std::uint64_t next_round_ = 0;
  std::uint64_t steps_done_ = 0;
};

}  // namespace midpo::simulation
