// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "actors/company.h"
#include "actors/job.h"
#include "actors/job_outcome.h"
#include "actors/messages.h"
#include "actors/scorer_crew.h"
#include "actors/stop_request.h"
#include "actors/writer_actor.h"
#include "runtime/observe/metrics.h"
#include "runtime/observe/progress.h"

namespace midpo {

/// What a job's actors own together, opened by the command before they start.
struct JobResources {
  std::shared_ptr<RowReader> reader;  ///< at the frontier's block
  std::shared_ptr<RunStore> store;
  std::shared_ptr<OutputFiles> outputs;
  Frontier frontier;
};

/// The actors of a job by the order in which they are stopped: nobody is stopped before those who
/// send to it.
enum class Stage : std::size_t { kFeeding, kRanking, kWriting, kStoring, kCount };

struct CoordinatorState {
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const RankJob> job;
  caf::actor listener;  ///< gets the JobOutcome
  std::unique_ptr<Company> company;
  std::unique_ptr<ScorerCrew> crew;
  ReportRequests reports;

  SourceActor source;
  StoreActor store;
  RankerActor ranker;
  WriterActor writer;

  std::uint32_t blocks_in_flight = 0;
  bool saw_last_block = false;

  JobOutcome outcome;
  ProgressState progress;
  std::unique_ptr<ProgressReporter> reporter;
  std::unique_ptr<MetricsWriter> metrics;
  Clock::time_point start;
  Clock::time_point next_metrics;
};

/// Plans, hands out work, supervises and ends a ranking job. Blocks are admitted by credits and
/// composed by row id, so what is written depends on neither timing nor the number of scorers. The
/// first error stops the job: work at hand is finished and made durable, then the listener gets
/// JobFinished. A lost scorer is replaced, within a budget, and its tiles go to the others. Every
/// wait has a deadline.
CoordinatorActor::behavior_type coordinator_actor(
    CoordinatorActor::stateful_pointer<CoordinatorState> self, std::shared_ptr<const RankJob> job,
    std::shared_ptr<JobResources> resources, caf::actor listener);

/// Runs a job to its end on an actor system of its own and returns how it ended; never throws for a
/// failed job.
JobOutcome run_rank_job(std::shared_ptr<const RankJob> job,
                        std::shared_ptr<JobResources> resources);

}  // namespace midpo
