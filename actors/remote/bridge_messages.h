// SPDX-License-Identifier: Apache-2.0
// How a crew and its bridge to other processes talk.
//
//   crew --RemoteTile--> bridge ==kTask==> worker ==kResult==> bridge --TileScored--> store
//   bridge --ScorerJoined, PullWork, TileFailed, ScorerLeft--> coordinator (crew)
#pragma once

#include <caf/all.hpp>
#include <string>
#include <vector>

#include "actors/messages.h"
#include "runtime/transport/envelope.h"

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
MIDPO_MESSAGE(DismissWorkers)
MIDPO_MESSAGE(ReportWaits)
#undef MIDPO_MESSAGE

namespace midpo {

using BridgeActor = caf::typed_actor<caf::reacts_to<WireArrived>, caf::reacts_to<WireDelayed>,
                                     caf::reacts_to<BridgeTick>, caf::reacts_to<RemoteTile>,
                                     caf::reacts_to<DismissWorkers>, caf::reacts_to<ReportWaits>,
                                     caf::reacts_to<Stop>>;

}  // namespace midpo
