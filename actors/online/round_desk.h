// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "actors/messages.h"
#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"

namespace midpo {

/// From candidates to pairs, round by round. A round is two blocks: its candidates under reward and
/// cost model (block 2r), then the pairs that were kept under the reference model (block 2r + 1).
/// Rounds may overlap; what comes out depends on the round alone. Not thread-safe; no CAF.
class RoundDesk {
 public:
  explicit RoundDesk(std::shared_ptr<const OnlineJob> job);

  /// A part, once. @return the round's candidates once all of its prompts have theirs.
  /// @throws Error(kStalePolicy) for candidates of other weights than the round's.
  std::shared_ptr<const TokenizedBlock> add(const RoundPartGenerated& part);

  /// A prompt of the round gets no candidates. @return as add(); the block may have no row.
  std::shared_ptr<const TokenizedBlock> leave_out(const PromptLeftOut& prompt);

  /// Scores of some rows of a block. @return true when the block has all of them.
  bool put(std::uint64_t block, std::uint32_t model, std::size_t first_row,
           std::span<const std::optional<std::vector<double>>> values);

  /// A row that a model cannot score: its prompt is left out of the round, as if nobody had written
  /// for it. @return as put().
  bool reject(const RowRejected& rejected);

  /// Block 2r is complete: decides. @return the pairs to be scored by the reference model; none
  /// where nothing was kept.
  std::shared_ptr<const TokenizedBlock> rank(std::uint64_t round);

  /// Writes the round's file. @return the round as the learner takes it; then it is forgotten.
  /// @throws Error(kStorage).
  RoundReady finish(std::uint64_t round);

 private:
  struct Round {
    std::vector<WrittenRow> rows;  ///< [prompt of the round], as parts come in
    std::uint64_t num_left_out = 0;
    std::set<std::uint64_t> rejected;  ///< prompts written for, but not scored
    std::map<std::uint64_t, std::shared_ptr<const TokenizedBlock>> blocks;
    std::map<std::uint64_t, KnownScores> scores;
    std::vector<TrainingRow> pairs;
  };

  /// A row of candidates with what was decided about it.
  struct Ranked {
    const PreferenceRow* row;
    std::vector<const std::vector<double>*> values;  ///< reward, cost
    RankDecision decision;
  };

  std::shared_ptr<const TokenizedBlock> close_if_complete(std::uint64_t index, Round& round);
  std::shared_ptr<TokenizedBlock> candidates_block(std::uint64_t round, Round& open) const;
  std::vector<Ranked> ranked(std::uint64_t index, const Round& round) const;
  std::shared_ptr<TokenizedBlock> pairs_block(std::vector<PreferenceRow> kept, Round& round) const;
  std::shared_ptr<const TokenizedBlock> open_block(Round& round, std::uint64_t index,
                                                   std::shared_ptr<TokenizedBlock> block);

  std::shared_ptr<const OnlineJob> job_;
  std::map<std::uint64_t, Round> rounds_;
};

}  // namespace midpo
