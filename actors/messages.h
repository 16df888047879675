// SPDX-License-Identifier: Apache-2.0
// The whole protocol of a ranking job on one page. Messages are commands (ReadBlock, ComputeTile)
// or facts (TileScored, BlockWritten); they are immutable and carry large parts by shared_ptr<const
// T>.
//
//   coordinator --ReadBlock--> source --RowBlockRead--> tokenizer --LookUpBlock--> store
//   store --BlockLookedUp--> coordinator --BlockPlanned--> ranker
//   scorer --PullWork--> coordinator --ComputeTile--> scorer --TileScored--> store
//   store --TileCommitted--> coordinator
//   store --TileScored (now durable)--> ranker --BlockRanked--> writer
//   writer --BlockWritten--> coordinator (returns the credit)
//   writer --AdvanceFrontier--> store
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/row_tokens.h"
#include "models/engines.h"
#include "models/preference/ranking_policy.h"
#include "runtime/core/error.h"
#include "runtime/data/preference_row.h"
#include "runtime/flow/task_ledger.h"
#include "runtime/store/run_store.h"

namespace midpo {

/// A block with the token sequences of its good rows. Index i of every vector is row i of
/// source->rows.
struct TokenizedBlock {
  std::shared_ptr<const RowBlock> source;
  /// [tokenizer][row]: models that share a tokenizer share the entry.
  std::vector<std::vector<RowTokens>> tokens;
  std::vector<std::vector<ContentHash>> contents;  ///< [tokenizer][row], hash of the exact ids
  std::vector<std::uint32_t> packed_tokens;  ///< [row], shared prefix counted once, first tokenizer
  std::vector<Collapse> collapses;           ///< [row]
  std::vector<std::uint32_t> models;         ///< of the job: those that score the block
  double fraction_read = 0.0;                ///< share of the input bytes read with this block
  double seconds = 0.0;                      ///< time it took to tokenise
};

/// [model][row]: values of a row's sequences, nullopt where not known yet. Models that do not score
/// the block have no rows.
using KnownScores = std::vector<std::vector<std::optional<std::vector<double>>>>;

/// A block with a decision for every row, and its output lines.
struct RankedBlock {
  std::uint64_t index = 0;
  std::uint64_t num_rows = 0;
  std::string d_dual_lines;      ///< kept rows
  std::string score_lines;       ///< all good rows
  std::string quarantine_lines;  ///< bad rows
  struct Verdict {
    std::uint64_t row = 0;
    ContentHash content;
    std::string state;
    std::string reason;
  };
  std::vector<Verdict> verdicts;
  std::uint64_t num_packed_tokens = 0;
  std::uint64_t num_near_ties = 0;
  double fraction_read = 0.0;
  bool is_last = false;
  double seconds = 0.0;
};

// --- to the source
struct ReadBlock {};
// --- to a tokenizer
struct RowBlockRead {
  std::shared_ptr<const RowBlock> block;
  double fraction_read = 0.0;
};
// --- to the coordinator
struct BlockLookedUp {
  std::shared_ptr<const TokenizedBlock> block;
  std::shared_ptr<const KnownScores> known;
};
struct PullWork {
  std::uint64_t worker = 0;
};
struct TileCommitted {
  std::uint64_t task = 0;
  double compute_seconds = 0.0;
  double commit_seconds = 0.0;
  double least_flops = 0.0;
};
struct TileFailed {
  std::uint64_t task = 0;
  std::uint64_t worker = 0;
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  bool killed_worker = false;  ///< it ended the process that computed it
};
/// A worker of another process has loaded the job's models; `credits` PullWork are implied.
struct ScorerJoined {
  std::uint64_t worker = 0;
  std::uint32_t credits = 0;
  std::string name;
};
/// It is gone, for whatever reason: what it held is free again.
struct ScorerLeft {
  std::uint64_t worker = 0;
  std::string reason;
};
struct BlockWritten {
  std::uint64_t block = 0;
  std::uint64_t num_rows = 0;
  std::uint64_t num_kept = 0;
  std::uint64_t num_packed_tokens = 0;
  double fraction_read = 0.0;
  double rank_seconds = 0.0;
  double write_seconds = 0.0;
  bool is_last = false;
};
struct OutputsPublished {
  std::string counters_json;
};
struct CoordinatorTick {};
// --- to a scorer
struct ComputeTile {
  Task task;
  std::shared_ptr<const TokenizedBlock> block;
};
// --- to the store, and on to the ranker once durable
struct TileScored {
  Task task;
  std::shared_ptr<const TokenizedBlock> block;
  std::shared_ptr<const std::vector<std::vector<double>>> values;  ///< [row of the tile][sequence]
  double compute_seconds = 0.0;
  double least_flops = 0.0;
};
// --- to the store
struct LookUpBlock {
  std::shared_ptr<const TokenizedBlock> block;
};
struct AdvanceFrontier {
  std::shared_ptr<const Frontier> frontier;
  std::shared_ptr<const std::vector<std::shared_ptr<const RankedBlock>>> blocks;
  bool is_final = false;  ///< the store answers FrontierCommitted to the writer
};
struct CommitTick {};
// --- to the ranker
struct BlockPlanned {
  std::shared_ptr<const TokenizedBlock> block;
  std::shared_ptr<const KnownScores> known;
};
/// A row no scorer could handle: ranked as quarantined.
struct RowRejected {
  std::uint64_t block = 0;
  std::uint32_t row = 0;    ///< index in the block
  std::uint32_t model = 0;  ///< the model that failed on it
  std::string reason;
};
// --- to the writer
struct BlockRanked {
  std::shared_ptr<const RankedBlock> block;
};
struct FinishOutputs {};
struct FrontierCommitted {};
// --- to several
struct Stop {};  ///< end after what is at hand; store and writer make theirs durable first

}  // namespace midpo

#define MIDPO_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::type)
MIDPO_MESSAGE(ReadBlock)
MIDPO_MESSAGE(RowBlockRead)
MIDPO_MESSAGE(BlockLookedUp)
MIDPO_MESSAGE(PullWork)
MIDPO_MESSAGE(TileCommitted)
MIDPO_MESSAGE(TileFailed)
MIDPO_MESSAGE(ScorerJoined)
MIDPO_MESSAGE(ScorerLeft)
MIDPO_MESSAGE(BlockWritten)
MIDPO_MESSAGE(OutputsPublished)
MIDPO_MESSAGE(CoordinatorTick)
MIDPO_MESSAGE(ComputeTile)
MIDPO_MESSAGE(TileScored)
MIDPO_MESSAGE(LookUpBlock)
MIDPO_MESSAGE(AdvanceFrontier)
MIDPO_MESSAGE(CommitTick)
MIDPO_MESSAGE(BlockPlanned)
MIDPO_MESSAGE(RowRejected)
MIDPO_MESSAGE(BlockRanked)
MIDPO_MESSAGE(FinishOutputs)
MIDPO_MESSAGE(FrontierCommitted)
MIDPO_MESSAGE(Stop)
#undef MIDPO_MESSAGE

namespace midpo {

using SourceActor = caf::typed_actor<caf::reacts_to<ReadBlock>, caf::reacts_to<Stop>>;
using TokenizerActor = caf::typed_actor<caf::reacts_to<RowBlockRead>, caf::reacts_to<Stop>>;
/// What scorers and store see of a coordinator.
using ScoreDesk = caf::typed_actor<caf::reacts_to<BlockLookedUp>, caf::reacts_to<PullWork>,
                                   caf::reacts_to<TileCommitted>, caf::reacts_to<TileFailed>,
                                   caf::reacts_to<ScorerJoined>, caf::reacts_to<ScorerLeft>>;
/// Who gets scores once they are durable.
using ScoreConsumer = caf::typed_actor<caf::reacts_to<TileScored>>;
using ScorerActor = caf::typed_actor<caf::reacts_to<ComputeTile>, caf::reacts_to<Stop>>;
using RankerActor = caf::typed_actor<caf::reacts_to<BlockPlanned>, caf::reacts_to<TileScored>,
                                     caf::reacts_to<RowRejected>, caf::reacts_to<Stop>>;
using WriterActor = caf::typed_actor<caf::reacts_to<BlockRanked>, caf::reacts_to<FinishOutputs>,
                                     caf::reacts_to<FrontierCommitted>, caf::reacts_to<Stop>>;
using CoordinatorActor =
    caf::typed_actor<caf::reacts_to<BlockLookedUp>, caf::reacts_to<PullWork>,
                     caf::reacts_to<TileCommitted>, caf::reacts_to<TileFailed>,
                     caf::reacts_to<ScorerJoined>, caf::reacts_to<ScorerLeft>,
                     caf::reacts_to<BlockWritten>, caf::reacts_to<OutputsPublished>,
                     caf::reacts_to<CoordinatorTick>>;

/// To the store, before anything else: whom it serves. A job without ordered outputs has no writer.
struct StorePeers {
  ScoreDesk desk;
  std::vector<ScoreConsumer> consumers;
  WriterActor writer;
};

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::StorePeers)

namespace midpo {

using StoreActor = caf::typed_actor<caf::reacts_to<StorePeers>, caf::reacts_to<LookUpBlock>,
                                    caf::reacts_to<TileScored>, caf::reacts_to<AdvanceFrontier>,
                                    caf::reacts_to<CommitTick>, caf::reacts_to<Stop>>;
}  // namespace midpo
