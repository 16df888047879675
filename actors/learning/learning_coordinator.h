// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <vector>

#include "actors/company.h"
#include "actors/learning/learner_watch.h"
#include "actors/learning/learning_messages.h"
#include "actors/learning/learning_outcome.h"
#include "actors/learning/score_plan.h"
#include "actors/learning/training_session.h"
#include "actors/scorer_crew.h"
#include "actors/stop_request.h"
#include "runtime/observe/progress.h"

namespace midpo {

/// What a training job's actors own together, opened before they start.
struct LearningResources {
  std::shared_ptr<RunStore> store;                         ///< null where nothing is scored
  std::vector<std::shared_ptr<TrainingSession>> sessions;  ///< [learner]
};

struct LearningCoordinatorState {
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const LearningJob> job;
  caf::actor listener;  ///< gets the LearningFinished
  std::shared_ptr<const std::vector<ScoreBlock>> blocks;
  std::vector<std::shared_ptr<TrainingSession>> sessions;  ///< their learners' threads own them
  std::unique_ptr<Company> company;
  std::unique_ptr<ScorerCrew> crew;  ///< null where nothing is scored
  LearnerWatch watch;
  ReportRequests reports;
  StoreActor store;
  FeederActor feeder;
  DualRankerActor ranker;  ///< none where nothing is ranked
  bool is_ranked = false;
  std::size_t next_block = 0;
  std::size_t blocks_in_flight = 0;
  std::size_t blocks_supplied = 0;
  std::set<std::uint32_t> checked_models;  ///< with one stored row computed again

  LearningOutcome outcome;
  std::uint64_t rows_before = 0;  ///< trained on by earlier processes
  ProgressState progress;
  std::unique_ptr<ProgressReporter> reporter;
  Clock::time_point start;
};

/// Sent to the listener of a job when all its actors have ended, or refused to.
struct LearningFinished {
  std::shared_ptr<const LearningOutcome> outcome;
};

/// Plans the scoring, hands it out, supervises scorers and learners and ends the job. Blocks of
/// rows are admitted by credits in the order the first epoch needs them. Of what the store knows,
/// one row a model is computed again, and must give the same bits. The first error stops the job:
/// learners save a checkpoint, then the listener gets LearningFinished. Every wait has a deadline.
LearningCoordinatorActor::behavior_type learning_coordinator(
    LearningCoordinatorActor::stateful_pointer<LearningCoordinatorState> self,
    std::shared_ptr<const LearningJob> job, std::shared_ptr<LearningResources> resources,
    caf::actor listener);

/// Runs a job to its end on an actor system of its own and returns how it ended; never throws for a
/// failed job.
LearningOutcome run_learning_job(std::shared_ptr<const LearningJob> job,
                                 std::shared_ptr<LearningResources> resources);

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::LearningFinished)
