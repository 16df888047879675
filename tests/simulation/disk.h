// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/job.h"

namespace midpo::simulation {

/// How far the output is durable, as the run store records it.
struct SimFrontier {
  std::uint64_t next_block = 0;
  std::uint64_t output_size = 0;
  Counters counters;
  std::set<std::uint64_t> quarantined;  ///< rows
};

/// The run store and the output of a simulated run. What is not synced may be gone after a crash.
class Disk {
 public:
  using Key = std::pair<std::uint32_t, std::uint64_t>;  ///< model, row

  // --- the store: a transaction is durable whole or not at all
  /// @throws Violation for another value than the one already there
  void put(Key key, const std::vector<double>& values);
  void set_frontier(const SimFrontier& frontier) { open_.frontier = frontier; }
  const std::vector<double>* find(Key key) const;
  /// The open transaction is on its way to the disk; what is put from now on is the next one.
  void begin_commit();
  void end_commit();
  SimFrontier frontier() const { return frontier_; }
  bool has_durable(Key key) const { return scores_.count(key) == 1; }

  // --- the output, which grows
  void append(const std::string& lines) { output_ += lines; }
  std::uint64_t sync_output() { return synced_ = output_.size(); }
  void cut_output(std::uint64_t size);
  const std::string& output() const { return output_; }

  // --- published: complete under its name
  void publish() { is_published_ = true; }
  bool is_published() const { return is_published_; }

  /// The disk as the next process finds it: of what was not synced, a part chosen by `luck`.
  void crash(std::uint64_t luck);

 private:
  struct Transaction {
    std::map<Key, std::vector<double>> scores;
    std::optional<SimFrontier> frontier;
  };
  void apply(const Transaction& transaction);

  std::map<Key, std::vector<double>> scores_;
  SimFrontier frontier_;
  Transaction open_;
  std::optional<Transaction> committing_;
  std::string output_;
  std::uint64_t synced_ = 0;
  bool is_published_ = false;
};

}  // namespace midpo::simulation
