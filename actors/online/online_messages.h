// SPDX-License-Identifier: Apache-2.0
// The protocol of an online job, beside what it shares with other jobs (messages.h).
//
//   coordinator --GeneratePart--> generators --RoundPartGenerated--> round desk
//   generators --WeightsAreLive, PartGenerated--> coordinator; those of other processes: through
//     the bridge (remote/bridge_messages.h), and the coordinator sends RoundPartGenerated
//   round desk --LookUpBlock--> store --BlockLookedUp--> coordinator --BlockPlanned--> round desk
//   store --TileScored (durable)--> round desk --RoundReady--> learner
//   learner --StepTaken, WeightsPublished--> coordinator (admits the next round)
#pragma once

#include "actors/generation/generated_row.h"
#include "actors/learning/learning_messages.h"
#include "actors/online/weights_shelf.h"
#include "actors/remote/bridge_messages.h"
#include "runtime/flow/part_desk.h"

namespace midpo {

// --- to a generator of this process
struct GeneratePart {
  RoundPart part;
  PublishedWeights weights;
};
/// A prompt with its candidates, and as a line of the round's file, which names the model.
struct WrittenRow {
  GeneratedRow row;
  std::string json;
};

// --- to the round desk
struct RoundPartGenerated {
  std::uint64_t round = 0;
  std::string generator;      ///< its name, for messages
  std::uint64_t version = 0;  ///< of the weights that wrote every token of it
  std::shared_ptr<const std::vector<WrittenRow>> rows;
};
/// A prompt that nobody can write for: the round goes on without it.
struct PromptLeftOut {
  std::uint64_t round = 0;
  std::uint64_t prompt = 0;
};
// --- to the learner, in the order of rounds
struct RoundReady {
  std::uint64_t round = 0;
  std::uint64_t version = 0;
  std::shared_ptr<const std::vector<TrainingRow>> rows;  ///< may be empty
  std::shared_ptr<const std::vector<NamedNumber>> figures;
};
// --- to the coordinator
struct PartGenerated {
  std::uint64_t generator = 0;
  std::uint64_t part = 0;
};
struct VersionPublished {
  PublishedWeights weights;
};
/// The round's candidates are scored, or its pairs are: their block is done with.
struct RoundBlockDone {
  std::uint64_t block = 0;
};

}  // namespace midpo

#define MIDPO_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::type)
MIDPO_MESSAGE(GeneratePart)
MIDPO_MESSAGE(RoundPartGenerated)
MIDPO_MESSAGE(PromptLeftOut)
MIDPO_MESSAGE(RoundReady)
MIDPO_MESSAGE(PartGenerated)
MIDPO_MESSAGE(VersionPublished)
MIDPO_MESSAGE(RoundBlockDone)
#undef MIDPO_MESSAGE

namespace midpo {

using RoundGeneratorActor = caf::typed_actor<caf::reacts_to<GeneratePart>, caf::reacts_to<Stop>>;
using RoundDeskActor =
    caf::typed_actor<caf::reacts_to<RoundPartGenerated>, caf::reacts_to<PromptLeftOut>,
                     caf::reacts_to<BlockPlanned>, caf::reacts_to<TileScored>,
                     caf::reacts_to<RowRejected>, caf::reacts_to<Stop>>;
using OnlineLearnerActor = caf::typed_actor<caf::reacts_to<RoundReady>, caf::reacts_to<Stop>>;
using OnlineCoordinatorActor = caf::typed_actor<
    caf::reacts_to<BlockLookedUp>, caf::reacts_to<PullWork>, caf::reacts_to<TileCommitted>,
    caf::reacts_to<TileFailed>, caf::reacts_to<ScorerJoined>, caf::reacts_to<ScorerLeft>,
    caf::reacts_to<GeneratorJoined>, caf::reacts_to<GeneratorLeft>, caf::reacts_to<WeightsAreLive>,
    caf::reacts_to<PromptsWritten>, caf::reacts_to<PromptsFailed>, caf::reacts_to<PartGenerated>,
    caf::reacts_to<VersionPublished>, caf::reacts_to<RoundBlockDone>, caf::reacts_to<StepTaken>,
    caf::reacts_to<LearnerFinished>, caf::reacts_to<CoordinatorTick>>;

}  // namespace midpo
