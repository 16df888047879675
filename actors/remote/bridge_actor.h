// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>

#include "actors/job.h"
#include "actors/remote/bridge_messages.h"
#include "actors/remote/test_faults.h"
#include "actors/stop_request.h"
#include "runtime/transport/server_endpoint.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

struct BridgeState {
  using Clock = std::chrono::steady_clock;

  /// A tile that workers have: one, or two near the end of a job.
  struct Tile {
    ComputeTile order;
    std::uint32_t num_holders = 0;
  };

  using Order = std::variant<ComputeTile, RemotePrompts>;

  /// What one worker was given. A tile or part under suspicion of having ended a worker is computed
  /// alone, so that the next death has one possible cause.
  struct Desk {
    std::string name;
    std::deque<Order> waiting;  ///< here, behind a suspect or before one
    std::size_t num_held = 0;   ///< by the worker
    bool holds_suspect = false;
  };

  std::shared_ptr<const ScoringJob> job;
  ScoreDesk desk;
  StoreActor store;
  GeneratorDesk generators;  ///< null: the job has no rounds written
  std::unique_ptr<WorkerTable> table;
  std::map<std::uint64_t, Tile> tiles;  ///< [task]
  std::map<WorkerId, Desk> desks;
  std::set<std::uint64_t> suspects;  ///< tasks
  std::optional<FaultPlan> faults;   ///< chaos tests only
  std::shared_ptr<std::atomic<std::size_t>> num_arrived =
      std::make_shared<std::atomic<std::size_t>>(0);  ///< not handled yet
  std::uint64_t num_broken = 0;                       ///< messages that could not be read
  ReloadRequests reloads;
  bool is_dismissed = false;
  std::optional<Clock::time_point> stop_by;  ///< stopping: what was sent last has so long
  std::unique_ptr<ServerEndpoint> endpoint;  ///< last: its thread ends before the rest does
};

/// The workers of other processes, as the crew sees scorers: turns tiles into messages and results
/// into TileScored, and tells the desk who joins and leaves; likewise as an online coordinator sees
/// generators. Which task goes where is theirs; who is alive is the WorkerTable's. Detached: it
/// decodes what arrives and waits for its I/O thread at the end.
BridgeActor::behavior_type bridge_actor(BridgeActor::stateful_pointer<BridgeState> self,
                                        std::shared_ptr<const ScoringJob> job, ScoreDesk desk,
                                        StoreActor store, GeneratorDesk generators);

}  // namespace midpo
