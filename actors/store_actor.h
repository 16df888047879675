// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "actors/job.h"
#include "actors/messages.h"
#include "runtime/observe/activity.h"

namespace midpo {

struct StoreState {
  std::shared_ptr<const ScoringJob> job;
  std::shared_ptr<RunStore> store;
  StorePeers peers;
  std::vector<TileScored> uncommitted;  ///< forwarded once durable
  bool frontier_waits = false;          ///< the writer waits for FrontierCommitted
  bool tick_is_pending = false;
  std::size_t uncommitted_rows = 0;
  std::unique_ptr<Activity> activity;
};

/// The one writer of the run store. Results are grouped into a commit every few milliseconds and go
/// on to their consumer only when they are durable: what is ranked can never be lost. Detached: it
/// waits for the disk.
StoreActor::behavior_type store_actor(StoreActor::stateful_pointer<StoreState> self,
                                      std::shared_ptr<const ScoringJob> job,
                                      std::shared_ptr<RunStore> store);

}  // namespace midpo
