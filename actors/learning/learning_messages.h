// SPDX-License-Identifier: Apache-2.0
// The protocol of a training job, beside what it shares with a ranking job (messages.h).
//
//   coordinator --LookUpBlock--> store --BlockLookedUp--> coordinator --BlockPlanned--> feeder
//   scorer --PullWork--> coordinator --ComputeTile--> scorer --TileScored--> store
//   store --TileCommitted--> coordinator, --TileScored (now durable)--> feeder
//   scorer --TileFailed--> coordinator --ScoreRejected--> feeder, dual ranker (a row at fault)
//   feeder --BlockSupplied--> coordinator (returns the credit)
//   store --TileScored--> dual ranker --RowsRanked--> coordinator (midpo run)
//   learner --LearnerFinished--> coordinator, and on to the feeder
//   learner --PullBatch--> feeder --BatchReady--> learner --StepTaken--> coordinator
#pragma once

#include "actors/learning/learning_outcome.h"
#include "actors/messages.h"
#include "models/learner.h"
#include "runtime/observe/activity.h"

namespace midpo {

// --- to the feeder; it answers the sender when every row has its scores
struct PullBatch {
  std::uint32_t learner = 0;  ///< index into LearningJob::learners
  std::uint64_t step = 0;
};
struct PullEvaluation {
  std::uint32_t learner = 0;
};
// --- to the feeder and the dual ranker
/// No scorer can handle the row: it is quarantined.
struct ScoreRejected {
  std::uint64_t block = 0;  ///< of plan_scores()
  RejectedScore score;
};
// --- to a learner
struct BatchReady {
  std::uint64_t step = 0;
  std::shared_ptr<const std::vector<TrainingRow>> rows;
};
struct EvaluationReady {
  std::shared_ptr<const std::vector<TrainingRow>> rows;
};
/// To itself: what its step has to wait for may have come.
struct LookAgain {};
// --- to the coordinator
struct BlockSupplied {
  std::uint64_t block = 0;
};
/// All rows have been ranked, and the outputs are published.
struct RowsRanked {};
/// The learner computes, until WorkEnded: a step, an evaluation or the publication.
struct WorkBegun {
  std::uint32_t learner = 0;
  std::string what;               ///< for messages: "step 12"
  std::uint64_t num_batches = 1;  ///< each of which may take the step deadline
};
struct WorkEnded {
  std::uint32_t learner = 0;
};
/// The learner has published what it trained.
struct LearnerFinished {
  std::uint32_t learner = 0;
};

/// The arrow of a trace from a composed batch to its step.
inline FlowId batch_flow(std::uint32_t learner, std::uint64_t step) {
  return {"batch", (std::uint64_t{learner} << 48) + step};
}

}  // namespace midpo

#define MIDPO_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::type)
MIDPO_MESSAGE(PullBatch)
MIDPO_MESSAGE(PullEvaluation)
MIDPO_MESSAGE(ScoreRejected)
MIDPO_MESSAGE(BatchReady)
MIDPO_MESSAGE(EvaluationReady)
MIDPO_MESSAGE(LookAgain)
MIDPO_MESSAGE(BlockSupplied)
MIDPO_MESSAGE(StepTaken)
MIDPO_MESSAGE(RowsRanked)
MIDPO_MESSAGE(WorkBegun)
MIDPO_MESSAGE(WorkEnded)
MIDPO_MESSAGE(LearnerFinished)
#undef MIDPO_MESSAGE

namespace midpo {

using FeederActor = caf::typed_actor<caf::reacts_to<BlockPlanned>, caf::reacts_to<TileScored>,
                                     caf::reacts_to<PullBatch>, caf::reacts_to<PullEvaluation>,
                                     caf::reacts_to<ScoreRejected>, caf::reacts_to<LearnerFinished>,
                                     caf::reacts_to<Stop>>;
using LearnerActor = caf::typed_actor<caf::reacts_to<BatchReady>, caf::reacts_to<EvaluationReady>,
                                      caf::reacts_to<LookAgain>, caf::reacts_to<Stop>>;
using DualRankerActor = caf::typed_actor<caf::reacts_to<BlockPlanned>, caf::reacts_to<TileScored>,
                                         caf::reacts_to<ScoreRejected>, caf::reacts_to<Stop>>;
using LearningCoordinatorActor = caf::typed_actor<
    caf::reacts_to<BlockLookedUp>, caf::reacts_to<PullWork>, caf::reacts_to<TileCommitted>,
    caf::reacts_to<TileFailed>, caf::reacts_to<ScorerJoined>, caf::reacts_to<ScorerLeft>,
    caf::reacts_to<BlockSupplied>, caf::reacts_to<StepTaken>, caf::reacts_to<WorkBegun>,
    caf::reacts_to<WorkEnded>, caf::reacts_to<RowsRanked>, caf::reacts_to<LearnerFinished>,
    caf::reacts_to<CoordinatorTick>>;

}  // namespace midpo
