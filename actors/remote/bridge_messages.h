// SPDX-License-Identifier: Apache-2.0
// How a crew and its bridge to other processes talk.
//
//   crew --RemoteTile--> bridge ==kTask==> worker ==kResult==> bridge --TileScored--> store
//   bridge --ScorerJoined, PullWork, TileFailed, ScorerLeft--> coordinator (crew)
//
// and an online coordinator and that bridge:
//
//   coordinator --PublishVersion--> bridge ==kWeights==> worker ==kConfirm==> bridge
//   --WeightsAreLive--> coordinator --RemotePrompts--> bridge ==kPrompts==> worker ==kResponses==>
//   bridge --PromptsWritten--> coordinator
#pragma once

#include <caf/all.hpp>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "runtime/transport/message_bodies.h"
#include "runtime/transport/weights_stream.h"

namespace midpo {

/// From the I/O thread.
struct WireArrived {
  std::string peer;
  std::vector<Frame> wire;
};
/// A copy that a test's bad network holds back; its time has come.
struct WireDelayed {
  std::string peer;
  std::vector<Frame> wire;
};
struct BridgeTick {};
struct RemoteTile {
  std::uint64_t worker = 0;
  ComputeTile order;
};
/// To every generator of another process. Versions before `oldest` are not needed any more.
struct PublishVersion {
  std::shared_ptr<const WeightsVersion> version;
  std::uint64_t oldest = 0;
};
struct RemotePrompts {
  std::uint64_t worker = 0;
  std::uint64_t part = 0;
  std::uint32_t attempt = 0;
  std::shared_ptr<const PromptTask> task;
};

// --- to a coordinator that has rounds written
/// A generator of another process: it takes `credits` parts at once.
struct GeneratorJoined {
  std::uint64_t generator = 0;
  std::uint32_t credits = 0;
  std::string name;
};
/// What it held is free again.
struct GeneratorLeft {
  std::uint64_t generator = 0;
};
/// A generator has loaded a version: what it is asked for is written by it.
struct WeightsAreLive {
  std::uint64_t generator = 0;
  std::uint64_t version = 0;
  std::string model;  ///< content hash of base and factors together
};
struct PromptsWritten {
  std::uint64_t generator = 0;
  std::uint64_t part = 0;
  std::shared_ptr<const PromptResult> result;
};
struct PromptsFailed {
  std::uint64_t generator = 0;
  std::uint64_t part = 0;
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  bool killed_generator = false;  ///< the part ended the process that wrote it
};

/// The job is done: workers may leave.
struct DismissWorkers {};
/// Write to the log who waits for whom.
struct ReportWaits {};

}  // namespace midpo

#define MIDPO_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::type)
MIDPO_MESSAGE(WireArrived)
MIDPO_MESSAGE(WireDelayed)
MIDPO_MESSAGE(BridgeTick)
MIDPO_MESSAGE(RemoteTile)
MIDPO_MESSAGE(PublishVersion)
MIDPO_MESSAGE(RemotePrompts)
MIDPO_MESSAGE(GeneratorJoined)
MIDPO_MESSAGE(GeneratorLeft)
MIDPO_MESSAGE(WeightsAreLive)
MIDPO_MESSAGE(PromptsWritten)
MIDPO_MESSAGE(PromptsFailed)
MIDPO_MESSAGE(DismissWorkers)
MIDPO_MESSAGE(ReportWaits)
#undef MIDPO_MESSAGE

namespace midpo {

using BridgeActor = caf::typed_actor<
    caf::reacts_to<WireArrived>, caf::reacts_to<WireDelayed>, caf::reacts_to<BridgeTick>,
    caf::reacts_to<RemoteTile>, caf::reacts_to<PublishVersion>, caf::reacts_to<RemotePrompts>,
    caf::reacts_to<DismissWorkers>, caf::reacts_to<ReportWaits>, caf::reacts_to<Stop>>;
/// What a bridge sees of a coordinator that has rounds written.
using GeneratorDesk =
    caf::typed_actor<caf::reacts_to<GeneratorJoined>, caf::reacts_to<GeneratorLeft>,
                     caf::reacts_to<WeightsAreLive>, caf::reacts_to<PromptsWritten>,
                     caf::reacts_to<PromptsFailed>>;

}  // namespace midpo
