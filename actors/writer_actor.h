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
#include "runtime/observe/activity.h"

namespace midpo {

/// The outputs of a run, as ordered_outputs(job) lists them.
using OutputFiles = std::vector<std::unique_ptr<GrowingFile>>;

/// Opens them where the frontier says they end. @throws Error(kStorage).
OutputFiles open_outputs(const RankJob& job, const Frontier& frontier);

/// Appends a block's lines to the output of each kind.
void append_block(const RankJob& job, const RankedBlock& block, const OutputFiles& files);

struct WriterState {
  std::shared_ptr<const RankJob> job;
  std::shared_ptr<OutputFiles> outputs;
  StoreActor store;
  CoordinatorActor coordinator;
  Sequencer<std::shared_ptr<const RankedBlock>> sequencer;
  std::vector<std::shared_ptr<const RankedBlock>>
      not_durable;  ///< appended since the last frontier
  RunCounters counters;
  std::chrono::steady_clock::time_point last_frontier;
  std::unique_ptr<Activity> activity;
};

/// Writes blocks in input order, whatever order they were ranked in. Every second it makes the
/// files durable and has the store record how far they reach; at the end it publishes them.
/// Detached: it waits for the disk.
WriterActor::behavior_type writer_actor(WriterActor::stateful_pointer<WriterState> self,
                                        std::shared_ptr<const RankJob> job,
                                        std::shared_ptr<OutputFiles> outputs, Frontier frontier,
                                        StoreActor store, CoordinatorActor coordinator);

}  // namespace midpo
