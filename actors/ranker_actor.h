// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/job.h"
#include "actors/messages.h"
#include "runtime/observe/activity.h"

namespace midpo {

/// A block on its way to its decisions.
struct OpenBlock {
  std::shared_ptr<const TokenizedBlock> block;
  KnownScores scores;                   ///< [model][row], filled as results become durable
  std::vector<std::string> rejections;  ///< [row]: why no scorer could handle it, mostly empty
  std::size_t num_missing = 0;          ///< (model, row) pairs without a value
};

struct RankerState {
  std::shared_ptr<const RankJob> job;
  WriterActor writer;
  std::map<std::uint64_t, OpenBlock> open_blocks;
  std::unique_ptr<Activity> activity;
};

/// Collects the durable scores of each block and, when a block is complete, decides its rows.
RankerActor::behavior_type ranker_actor(RankerActor::stateful_pointer<RankerState> self,
                                        std::shared_ptr<const RankJob> job, WriterActor writer);

/// Decides every row of a complete block and writes its output lines; a pure function, for tests.
std::shared_ptr<const RankedBlock> rank_block(const RankJob& job, const OpenBlock& block);

}  // namespace midpo
