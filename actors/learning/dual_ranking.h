// SPDX-License-Identifier: Apache-2.0
// D_dual, made beside the training: rows are ranked as their scores arrive.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "actors/messages.h"
#include "actors/run_counters.h"
#include "actors/writer_actor.h"

namespace midpo {

/// Ranks the rows of a job in input order and writes the outputs that `midpo rank` writes, byte for
/// byte. Scores may come in any order; a block of rows is read again, decided and written as soon
/// as all its scores and all blocks before it are there. Nothing is kept for a restart: the run
/// store gives the scores again. Owned by one thread.
class DualRanking {
 public:
  /// Opens the rows and the outputs. @throws Error kData, kStorage.
  explicit DualRanking(std::shared_ptr<const RankJob> job);

  /// Values of one row under a model of the job.
  void put(std::uint32_t model, ContentHash content, const std::vector<double>& values);

  /// The row has no value under the model: it is quarantined.
  void reject(std::uint32_t model, ContentHash content, const std::string& reason);

  /// Writes what can be written; publishes the outputs behind the last block.
  /// @throws Error kData (a file changed under the run), kStorage.
  void advance();

  bool is_finished() const { return is_finished_; }
  const RunCounters& counters() const { return counters_; }

 private:
  struct ByContent {
    std::size_t operator()(const ContentHash& hash) const { return hash.low; }
  };

  bool read_block();
  bool take_scores();
  std::string rejection_of(std::size_t row) const;

  std::shared_ptr<const RankJob> job_;
  std::unique_ptr<RowReader> reader_;
  OutputFiles files_;
  std::vector<std::unordered_map<ContentHash, std::vector<double>, ByContent>>
      scores_;                                                                     ///< [model]
  std::vector<std::unordered_map<ContentHash, std::string, ByContent>> rejected_;  ///< [model]
  std::shared_ptr<const TokenizedBlock> open_;  ///< the next block to be written
  KnownScores open_scores_;
  RunCounters counters_;
  bool is_finished_ = false;
};

}  // namespace midpo
