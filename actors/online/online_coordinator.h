// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>

#include "actors/company.h"
#include "actors/learning/learning_outcome.h"
#include "actors/learning/training_session.h"
#include "actors/online/generator_crew.h"
#include "actors/online/online_job.h"
#include "actors/online/online_messages.h"
#include "actors/scorer_crew.h"
#include "actors/stop_request.h"
#include "runtime/observe/progress.h"

namespace midpo {

/// What an online job's actors own together, opened before they start.
struct OnlineResources {
  std::shared_ptr<RunStore> store;
  std::shared_ptr<Learner> learner;
  std::shared_ptr<TrainingSession> session;
  std::shared_ptr<PromptQuarantine> quarantine;
};

struct OnlineOutcome {
  std::optional<Error> error;
  LearnerFigures learner;
  CrewFigures scoring;
  std::uint64_t max_policy_lag = 0;  ///< of any round, steps
  std::uint64_t confirmations = 0;   ///< of weights that a generator has taken over
  double wall_seconds = 0.0;
};

struct OnlineCoordinatorState {
  using Clock = std::chrono::steady_clock;

  std::shared_ptr<const OnlineJob> job;
  caf::actor listener;  ///< gets the OnlineFinished
  std::unique_ptr<Company> company;
  std::unique_ptr<ScorerCrew> crew;  ///< its bridge is the generators', too
  ReportRequests reports;
  StoreActor store;
  RoundDeskActor desk;
  std::unique_ptr<GeneratorCrew> generators;
  std::shared_ptr<PromptQuarantine> quarantine;
  std::uint64_t next_round = 0;  ///< to be admitted
  std::uint64_t steps_done = 0;
  Clock::time_point last_progress;

  OnlineOutcome outcome;
  ProgressState progress;
  std::unique_ptr<ProgressReporter> reporter;
  Clock::time_point start;
};

/// Sent to the listener when all actors of the job have ended, or refused to.
struct OnlineFinished {
  std::shared_ptr<const OnlineOutcome> outcome;
};

/// Admits rounds: at most max_staleness ahead of the learner, so that nothing that was written is
/// ever thrown away. Supervises and ends the job as the other coordinators do. A round that does
/// not come to its end within the job's deadline stops the run, by name.
OnlineCoordinatorActor::behavior_type online_coordinator(
    OnlineCoordinatorActor::stateful_pointer<OnlineCoordinatorState> self,
    std::shared_ptr<const OnlineJob> job, std::shared_ptr<OnlineResources> resources,
    caf::actor listener);

/// Runs a job to its end on an actor system of its own; never throws for a failed job.
OnlineOutcome run_online_job(std::shared_ptr<const OnlineJob> job,
                             std::shared_ptr<OnlineResources> resources);

}  // namespace midpo

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::OnlineFinished)
