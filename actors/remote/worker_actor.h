// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "actors/remote/test_faults.h"
#include "actors/remote/weights_inbox.h"
#include "actors/remote/worker_messages.h"
#include "actors/remote/worker_ranks.h"
#include "actors/stop_request.h"
#include "runtime/transport/client_endpoint.h"

namespace midpo {

struct WorkerState {
  using Clock = std::chrono::steady_clock;

  WorkerConfig config;
  caf::actor listener;
  std::unique_ptr<WorkerSession> session;
  std::optional<JobOffered> offer;             ///< of the present session
  std::shared_ptr<const WorkerModels> models;  ///< kept over sessions
  WorkerRanks ranks;
  WeightsInbox inbox;
  std::map<std::uint64_t, std::shared_ptr<const PolicyVersion>> versions;  ///< of this session
  /// Set when the present session ends: what is computed for it need not be finished.
  std::shared_ptr<std::atomic<bool>> is_void = std::make_shared<std::atomic<bool>>(false);
  bool is_loading = false;
  ReportRequests reports;
  ReloadRequests hangups;
  bool is_ready = false;  ///< for the present session

  LoaderActor loader;
  std::vector<LaneActor> lanes;
  std::set<std::uint32_t> idle_lanes;
  std::deque<std::shared_ptr<const TaskGiven>> tasks;  ///< not begun
  std::uint64_t num_computed = 0;

  Clock::time_point last_in_job;
  bool is_leaving = false;                  ///< takes no more tasks
  std::optional<Clock::time_point> end_by;  ///< what was said last has so long to arrive
  std::optional<Error> error;

  std::optional<FaultPlan> faults;           ///< chaos tests only
  std::unique_ptr<ClientEndpoint> endpoint;  ///< last: its thread ends before the rest does
};

/// A worker process as an actor: a WorkerSession with its socket, a loader, and lanes that compute.
/// Comes back to a coordinator that was restarted, with its models still loaded. Ends when the job
/// is done, when it is refused, when it was asked to stop, or when no coordinator was there for too
/// long. Detached: it decodes what arrives.
WorkerActor::behavior_type worker_actor(WorkerActor::stateful_pointer<WorkerState> self,
                                        const WorkerConfig& config, const EngineFactory* engines,
                                        caf::actor listener);

/// Runs a worker to its end. @throws Error: why it ended before the job was done.
void run_worker(const WorkerConfig& config, const EngineFactory& engines);

}  // namespace midpo
