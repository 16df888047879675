// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "actors/job.h"
#include "actors/messages.h"
#include "actors/run_counters.h"
#include "runtime/core/atomic_file.h"
#include "runtime/flow/sequencer.h"

namespace midpo {

/// The ordered outputs of a run, opened where the frontier says they end.
struct OrderedOutputs {
  std::vector<std::unique_ptr<GrowingFile>> files;  ///< as ordered_outputs(job) lists them

  OrderedOutputs(const RankJob& job, const Frontier& frontier);
};

struct WriterState {
  std::shared_ptr<const RankJob> job;
  std::shared_ptr<OrderedOutputs> outputs;
  StoreActor store;
  CoordinatorActor coordinator;
  Sequencer<std::shared_ptr<const RankedBlock>> sequencer;
  std::vector<std::shared_ptr<const RankedBlock>>
      not_durable;  ///< appended since the last frontier
  RunCounters counters;
  std::chrono::steady_clock::time_point last_frontier;
};

/// Writes blocks in input order, whatever order they were ranked in. Every second it makes the
/// files durable and has the store record how far they reach; at the end it publishes them.
/// Detached: it waits for the disk.
WriterActor::behavior_type writer_actor(WriterActor::stateful_pointer<WriterState> self,
                                        std::shared_ptr<const RankJob> job,
                                        std::shared_ptr<OrderedOutputs> outputs, Frontier frontier,
                                        StoreActor store, CoordinatorActor coordinator);

}  // namespace midpo
