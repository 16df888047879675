// SPDX-License-Identifier: Apache-2.0
#include "actors/supervision.h"

#include <algorithm>

#include "actors/error_boundary.h"
#include "actors/job_actors.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

using Clock = CoordinatorState::Clock;

/// Time for what is at hand to finish; a scorer has its task deadline on top.
constexpr std::chrono::seconds kStopLimit{30};

void finish(CoordinatorPointer self) {
  CoordinatorState& state = self->state;
  const CrewFigures& figures = state.crew->figures();
  state.outcome.tiles_done = figures.tiles_done;
  state.outcome.least_flops = figures.least_flops;
  state.outcome.seconds.commit = figures.commit_seconds;
  state.outcome.seconds.compute = figures.compute_seconds;
  state.outcome.wall_seconds =
      std::max(state.outcome.wall_seconds,
               std::chrono::duration<double>(Clock::now() - state.start).count());
  if (state.outcome.error && state.reporter) state.reporter->finish(state.progress, Clock::now());
  caf::anon_send(state.listener,
                 JobFinished{std::make_shared<const JobOutcome>(std::move(state.outcome))});
  state.metrics.reset();
  self->quit();
}

}  // namespace

void stop_job(CoordinatorPointer self, std::optional<Error> error) {
  CoordinatorState& state = self->state;
  if (error && !state.outcome.error) state.outcome.error = std::move(error);
  if (state.company->is_stopping()) return;
  if (!state.outcome.error) state.crew->dismiss();
  state.company->stop(Clock::now() + kStopLimit + task_deadline(*state.job));
  if (state.company->advance_stop()) finish(self);
}

void note_down(CoordinatorPointer self, const caf::down_msg& down) {
  CoordinatorState& state = self->state;
  if (auto error = note_end(*state.company, state.crew.get(), down)) stop_job(self, *error);
  if (state.company->is_stopping() && state.company->advance_stop()) finish(self);
}

void note_failed_tile(CoordinatorPointer self, const TileFailed& failed) {
  CoordinatorState& state = self->state;
  const auto dead = state.crew->fail(failed);
  if (!dead) return;
  if (!dead->is_quarantined) return stop_job(self, dead->error);
  log::warn("row_quarantined", {{"reason", dead->error.what()}});
  const Task& task = dead->task;
  self->send(state.ranker, RowRejected{task.block, task.rows.first, task.model, failed.text});
}

void check_deadlines(CoordinatorPointer self) {
  CoordinatorState& state = self->state;
  const auto now = Clock::now();
  if (!state.company->is_stopping()) {
    if (auto error = state.crew->tick(now)) stop_job(self, std::move(*error));
    return;
  }
  const std::string late = state.company->late(now);
  if (late.empty()) return;
  state.outcome.error = Error(ErrorCode::kInternal, "these did not stop in time: " + late);
  finish(self);
}

JobOutcome run_rank_job(std::shared_ptr<const RankJob> job,
                        std::shared_ptr<JobResources> resources) {
  JobActors actors(std::max<std::size_t>(2, job->num_tokenizers + 1));
  caf::scoped_actor listener(actors.system);
  const CoordinatorActor coordinator = actors.system.spawn(
      coordinator_actor, std::move(job), std::move(resources), caf::actor(listener));
  return wait_for_outcome<JobFinished, JobOutcome>(listener, coordinator);
}

}  // namespace midpo
