// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_coordinator.h"

#include <algorithm>

#include "actors/error_boundary.h"
#include "actors/job_actors.h"
#include "actors/online/online_learner_actor.h"
#include "actors/online/round_desk_actor.h"
#include "actors/stop_request.h"
#include "actors/store_actor.h"
#include "runtime/observe/log.h"
#include "runtime/observe/trace.h"

namespace midpo {
namespace {

using Pointer = OnlineCoordinatorActor::stateful_pointer<OnlineCoordinatorState>;
using Clock = OnlineCoordinatorState::Clock;

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kStopLimit{60};

/// By the order in which they are stopped.
enum class Stage : std::size_t { kGenerating, kScoring, kLearning, kStoring, kCount };

std::size_t number(Stage stage) { return static_cast<std::size_t>(stage); }

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void finish(Pointer self) {
  OnlineCoordinatorState& state = self->state;
  state.outcome.scoring = state.crew->figures();
  state.outcome.confirmations = state.generators->num_confirmations();
  state.outcome.wall_seconds = seconds_since(state.start);
  if (state.reporter) state.reporter->finish(state.progress, Clock::now());
  caf::anon_send(state.listener,
                 OnlineFinished{std::make_shared<const OnlineOutcome>(std::move(state.outcome))});
  self->quit();
}

void stop_job(Pointer self, std::optional<Error> error) {
  OnlineCoordinatorState& state = self->state;
  if (error && !state.outcome.error) state.outcome.error = std::move(error);
  if (state.company->is_stopping()) return;
  if (!state.outcome.error) state.crew->dismiss();
  state.company->stop(Clock::now() + kStopLimit + task_deadline(*state.job));
  if (state.company->advance_stop()) finish(self);
}

void admit_rounds(Pointer self) {
  OnlineCoordinatorState& state = self->state;
  const OnlineJob& job = *state.job;
  while (!state.company->is_stopping() && state.next_round < job.num_rounds() &&
         state.next_round <= state.steps_done + job.max_staleness) {
    if (!state.generators->has(job.version_of(state.next_round))) return;
    state.generators->write_round(state.next_round);
    ++state.next_round;
  }
}

void note_published(Pointer self, const PublishedWeights& weights) {
  OnlineCoordinatorState& state = self->state;
  state.generators->publish(weights, state.job->version_of(state.steps_done));
  admit_rounds(self);
}

void note_step(Pointer self, const StepTaken& step) {
  OnlineCoordinatorState& state = self->state;
  const std::uint64_t round = step.steps_done - 1;
  state.outcome.max_policy_lag =
      std::max(state.outcome.max_policy_lag, round - state.job->version_of(round));
  state.steps_done = step.steps_done;
  state.last_progress = Clock::now();
  state.outcome.learner.add(step);
  state.progress.rows_done += step.num_rows;
  state.progress.tokens_done += step.num_tokens;
  state.progress.fraction =
      static_cast<double>(step.steps_done) / static_cast<double>(state.job->num_rounds());
  state.progress.note =
      "round " + std::to_string(step.steps_done) + "/" + std::to_string(state.job->num_rounds());
  admit_rounds(self);
}

void plan_block(Pointer self, const BlockLookedUp& looked) {
  self->state.crew->add_block(looked);
  self->send(self->state.desk, BlockPlanned{looked.block, looked.known});
}

void note_down(Pointer self, const caf::down_msg& down) {
  OnlineCoordinatorState& state = self->state;
  if (auto error = note_end(*state.company, state.crew.get(), down)) stop_job(self, *error);
  if (state.company->is_stopping() && state.company->advance_stop()) finish(self);
}

/// A row that no scorer can handle: its prompt is left out of the round.
void note_failed_tile(Pointer self, const TileFailed& failed) {
  OnlineCoordinatorState& state = self->state;
  const auto dead = state.crew->fail(failed);
  if (!dead) return;
  if (!dead->is_quarantined) return stop_job(self, dead->error);
  log::warn("prompt_quarantined", {{"reason", dead->error.what()}});
  const Task& task = dead->task;
  state.quarantine->add(task.block / 2, state.crew->first_row(task), dead->error.what());
  self->send(state.desk, RowRejected{task.block, task.rows.first, task.model, failed.text});
}

std::optional<Error> overdue_round(const OnlineCoordinatorState& state, Clock::time_point now) {
  // A worker of another process may hang for so long; then another has its tasks.
  const double limit = (state.job->remote ? 2.0 : 1.0) * state.job->task_deadline_seconds;
  if (now - state.last_progress < std::chrono::duration<double>(limit)) return std::nullopt;
  return Error(ErrorCode::kInternal, "round " + std::to_string(state.steps_done) +
                                         " has not ended in " +
                                         std::to_string(static_cast<int>(limit)) +
                                         " s; the limit comes from task_deadline_seconds");
}

void tick(Pointer self) {
  OnlineCoordinatorState& state = self->state;
  const auto now = Clock::now();
  self->delayed_send(self, kTick, CoordinatorTick{});
  if (state.reports.take()) {
    state.crew->report(now);
    state.generators->report();
  }
  if (state.company->is_stopping()) {
    const std::string late = state.company->late(now);
    if (late.empty()) return;
    state.outcome.error = Error(ErrorCode::kInternal, "these did not stop in time: " + late);
    finish(self);
    return;
  }
  if (state.reporter) state.reporter->update(state.progress, now);
  if (stop_requested()) {
    stop_job(self, Error(ErrorCode::kShutdown, "stopped on request; continue with --resume"));
  } else if (auto error = state.crew->tick(now)) {
    stop_job(self, std::move(error));
  } else if (auto alone = state.generators->tick(now)) {
    stop_job(self, std::move(alone));
  } else if (auto late = overdue_round(state, now)) {
    stop_job(self, std::move(late));
  }
}

void spawn_all(Pointer self, const std::shared_ptr<OnlineResources>& resources) {
  OnlineCoordinatorState& state = self->state;
  const auto& job = state.job;
  const OnlineCoordinatorActor me = self;
  Company& company = *state.company;
  state.store = self->spawn<caf::detached>(store_actor, job, resources->store);
  company.join(state.store, "store", number(Stage::kStoring));
  const OnlineLearnerActor learner = self->spawn<caf::detached>(
      online_learner_actor, job, resources->session, resources->learner, me);
  company.join(learner, job->learner.name, number(Stage::kLearning));
  state.desk = self->spawn(round_desk_actor, job, state.store, learner, me);
  company.join(state.desk, "round desk", number(Stage::kScoring));
  self->send(state.store, StorePeers{me, {state.desk}, WriterActor{}});
  state.crew = std::make_unique<ScorerCrew>(self, job, me, state.store, company,
                                            number(Stage::kScoring), me);
  state.generators =
      std::make_unique<GeneratorCrew>(self, job, me, state.desk, state.crew->bridge(),
                                      resources->quarantine, company, number(Stage::kGenerating));
}

using KeptWeights = std::map<std::uint64_t, PublishedWeights>;

/// Weights that an earlier process has left for the next rounds; the learner publishes its own.
void publish_kept(OnlineCoordinatorState& state, const KeptWeights& kept) {
  const std::uint64_t oldest = state.job->version_of(state.steps_done);
  for (const auto& [version, weights] : kept) {
    if (version >= oldest && version < state.steps_done) state.generators->publish(weights, oldest);
  }
}

/// For an error that ends the job.
void stop_for(Pointer self, std::optional<Error> error) {
  if (error) stop_job(self, std::move(error));
}

}  // namespace

OnlineCoordinatorActor::behavior_type online_coordinator(Pointer self,
                                                         std::shared_ptr<const OnlineJob> job,
                                                         std::shared_ptr<OnlineResources> resources,
                                                         caf::actor listener) {
  install_error_boundary(self);
  trace::begin_job();
  OnlineCoordinatorState& state = self->state;
  state.job = std::move(job);
  state.listener = std::move(listener);
  state.company = std::make_unique<Company>(self, number(Stage::kCount));
  state.quarantine = resources->quarantine;
  state.start = state.last_progress = Clock::now();
  state.steps_done = state.next_round = resources->session->steps_done();
  if (state.job->shows_progress) {
    state.reporter = make_progress("online", ProgressStyle::kAuto, state.start);
  }
  self->set_down_handler([self](const caf::down_msg& down) { note_down(self, down); });
  // Before there is a learner: it removes what is too old.
  const KeptWeights kept = WeightsShelf(state.job->weights_dir).list();
  spawn_all(self, resources);
  publish_kept(state, kept);
  self->delayed_send(self, kTick, CoordinatorTick{});
  return {
      [self](const BlockLookedUp& looked) { plan_block(self, looked); },
      [self](const PullWork& pull) { self->state.crew->pull(pull.worker); },
      [self](const TileCommitted& committed) { self->state.crew->commit(committed); },
      [self](const TileFailed& failed) { note_failed_tile(self, failed); },
      [self](const ScorerJoined& joined) { self->state.crew->adopt(joined); },
      [self](const ScorerLeft& left) { self->state.crew->release(left); },
      [self](const GeneratorJoined& joined) { self->state.generators->adopt(joined); },
      [self](const GeneratorLeft& left) { self->state.generators->release(left); },
      [self](const WeightsAreLive& live) { stop_for(self, self->state.generators->confirm(live)); },
      [self](const PromptsWritten& written) { self->state.generators->finish(written); },
      [self](const PromptsFailed& failed) { stop_for(self, self->state.generators->fail(failed)); },
      [self](const PartGenerated& done) { self->state.generators->finish(done); },
      [self](const VersionPublished& published) { note_published(self, published.weights); },
      [self](const RoundBlockDone& done) { self->state.crew->forget_block(done.block); },
      [self](const StepTaken& step) { note_step(self, step); },
      [self](const LearnerFinished&) { stop_job(self, std::nullopt); },
      [self](CoordinatorTick) { tick(self); },
  };
}

OnlineOutcome run_online_job(std::shared_ptr<const OnlineJob> job,
                             std::shared_ptr<OnlineResources> resources) {
  JobActors actors;
  caf::scoped_actor listener(actors.system);
  const OnlineCoordinatorActor coordinator = actors.system.spawn(
      online_coordinator, std::move(job), std::move(resources), caf::actor(listener));
  return wait_for_outcome<OnlineFinished, OnlineOutcome>(listener, coordinator);
}

}  // namespace midpo
