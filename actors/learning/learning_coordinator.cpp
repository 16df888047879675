// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_coordinator.h"

#include <algorithm>
#include <cstdio>

#include "actors/error_boundary.h"
#include "actors/job_actors.h"
#include "actors/learning/dual_ranker_actor.h"
#include "actors/learning/feeder_actor.h"
#include "actors/learning/learner_actor.h"
#include "actors/left_behind.h"
#include "actors/stop_request.h"
#include "actors/store_actor.h"
#include "runtime/observe/log.h"
#include "runtime/observe/trace.h"

namespace midpo {
namespace {

using Pointer = LearningCoordinatorActor::stateful_pointer<LearningCoordinatorState>;
using Clock = LearningCoordinatorState::Clock;
using std::string_literals::operator""s;

constexpr std::chrono::milliseconds kTick{100};
/// Time for a checkpoint, when a step or a tile at hand has had its own.
constexpr std::chrono::seconds kStopLimit{60};

/// By the order in which they are stopped.
enum class Stage : std::size_t { kScoring, kLearning, kFeeding, kStoring, kCount };

std::size_t number(Stage stage) { return static_cast<std::size_t>(stage); }

Clock::duration step_deadline(const LearningJob& job) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(job.step_deadline_seconds));
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string progress_note(const LearningCoordinatorState& state) {
  if (state.blocks_supplied < state.blocks->size() && state.progress.rows_done == 0) {
    return "scoring " + std::to_string(state.blocks_supplied) + "/" +
           std::to_string(state.blocks->size()) + " blocks";
  }
  std::string note;
  for (const LearnerFigures& learner : state.outcome.learners) {
    char loss[32];
    std::snprintf(loss, sizeof loss, "%.4f", learner.last_loss);
    note += (note.empty() ? "loss " : ", ") + std::string(loss);
  }
  return note;
}

void renew_progress(LearningCoordinatorState& state) {
  const auto done = static_cast<double>(state.rows_before + state.progress.rows_done);
  state.progress.fraction = done / static_cast<double>(state.progress.rows_total);
  state.progress.note = progress_note(state);
}

void finish(Pointer self) {
  LearningCoordinatorState& state = self->state;
  renew_progress(state);
  if (state.crew) state.outcome.scoring = state.crew->figures();
  state.outcome.wall_seconds = seconds_since(state.start);
  if (state.reporter) state.reporter->finish(state.progress, Clock::now());
  caf::anon_send(
      state.listener,
      LearningFinished{std::make_shared<const LearningOutcome>(std::move(state.outcome))});
  self->quit();
}

void stop_job(Pointer self, std::optional<Error> error, Clock::duration limit) {
  LearningCoordinatorState& state = self->state;
  if (error && !state.outcome.error) state.outcome.error = std::move(error);
  if (state.company->is_stopping()) return;
  if (state.crew && !state.outcome.error) state.crew->dismiss();
  state.company->stop(Clock::now() + limit);
  if (state.company->advance_stop()) finish(self);
}

/// With time for whatever may be at hand.
void stop_job(Pointer self, std::optional<Error> error) {
  const LearningJob& job = *self->state.job;
  stop_job(self, std::move(error), kStopLimit + task_deadline(job) + step_deadline(job));
}

void admit_blocks(Pointer self) {
  LearningCoordinatorState& state = self->state;
  while (state.next_block < state.blocks->size() && !state.company->is_stopping() &&
         state.blocks_in_flight < state.job->max_blocks_in_flight) {
    const ScoreBlock& block = (*state.blocks)[state.next_block];
    self->send(state.store, LookUpBlock{make_score_block(*state.job, block, state.next_block)});
    ++state.next_block;
    ++state.blocks_in_flight;
  }
}

/// The spot check of cached scores: one row of the first stored ones is forgotten. It is computed
/// again, and the store refuses a result with other bits.
BlockLookedUp with_spot_check(LearningCoordinatorState& state, const BlockLookedUp& looked) {
  const std::uint32_t model = looked.block->models.front();
  const auto& known = (*looked.known)[model];
  const auto found = std::ranges::find_if(known, [](const auto& v) { return v.has_value(); });
  if (found == known.end() || !state.checked_models.insert(model).second) return looked;
  auto checked = std::make_shared<KnownScores>(*looked.known);
  (*checked)[model][static_cast<std::size_t>(found - known.begin())].reset();
  return {looked.block, std::move(checked)};
}

void plan_block(Pointer self, const BlockLookedUp& found) {
  const BlockLookedUp looked = with_spot_check(self->state, found);
  self->state.crew->add_block(looked);
  self->send(self->state.feeder, BlockPlanned{looked.block, looked.known});
  if (self->state.ranker) self->send(self->state.ranker, BlockPlanned{looked.block, looked.known});
}

void note_supplied(Pointer self, const BlockSupplied& supplied) {
  LearningCoordinatorState& state = self->state;
  state.crew->forget_block(supplied.block);
  --state.blocks_in_flight;
  ++state.blocks_supplied;
  if (state.blocks_supplied == state.blocks->size()) {
    state.outcome.scoring_seconds = seconds_since(state.start);
    for (const auto& scorer : state.job->retiring) scorer->retire();
  }
  admit_blocks(self);
}

void note_failed_tile(Pointer self, const TileFailed& failed) {
  LearningCoordinatorState& state = self->state;
  const auto dead = state.crew->fail(failed);
  if (!dead) return;
  if (!dead->is_quarantined) return stop_job(self, dead->error);
  log::warn("row_quarantined", {{"reason", dead->error.what()}});
  const Task& task = dead->task;
  const std::uint32_t row = (*state.blocks)[task.block].rows[task.rows.first];
  const ScoreRejected rejected{task.block, {task.model, row, failed.text}};
  state.outcome.rejected.push_back(rejected.score);
  self->send(state.feeder, rejected);
  if (state.ranker) self->send(state.ranker, rejected);
}

void note_step(Pointer self, const StepTaken& step) {
  LearningCoordinatorState& state = self->state;
  state.outcome.learners[step.learner].add(step);
  state.progress.rows_done += step.num_rows;
  state.progress.tokens_done += step.num_tokens;
}

void stop_if_done(Pointer self) {
  const LearningCoordinatorState& state = self->state;
  const bool is_trained = std::ranges::all_of(state.outcome.learners, &LearnerFigures::is_finished);
  if (is_trained && (!state.ranker || state.is_ranked)) stop_job(self, std::nullopt);
}

void note_finished(Pointer self, const LearnerFinished& finished) {
  LearnerFigures& learner = self->state.outcome.learners[finished.learner];
  learner.is_finished = true;
  learner.finished_seconds = seconds_since(self->state.start);
  self->send(self->state.feeder, finished);
  stop_if_done(self);
}

void note_ranked(Pointer self) {
  LearningCoordinatorState& state = self->state;
  state.is_ranked = true;
  state.outcome.ranking_seconds = seconds_since(state.start);
  stop_if_done(self);
}

void note_down(Pointer self, const caf::down_msg& down) {
  LearningCoordinatorState& state = self->state;
  if (auto error = note_end(*state.company, state.crew.get(), down)) stop_job(self, *error);
  if (state.company->is_stopping() && state.company->advance_stop()) finish(self);
}

void check_deadlines(Pointer self) {
  LearningCoordinatorState& state = self->state;
  const auto now = Clock::now();
  if (!state.company->is_stopping()) {
    if (auto hung = state.watch.overdue(*state.job, now)) {
      // It had its time; a second, short one is for the others.
      return stop_job(self, std::move(*hung),
                      std::min<Clock::duration>(kStopLimit, step_deadline(*state.job)));
    }
    auto error = state.crew ? state.crew->tick(now) : std::nullopt;
    if (error) stop_job(self, std::move(*error));
    return;
  }
  const std::string late = state.company->late(now);
  if (late.empty()) return;
  const std::string first = state.outcome.error ? state.outcome.error->what() + "; "s : "";
  state.outcome.error = Error(ErrorCode::kInternal, first + "these did not stop in time: " + late);
  state.outcome.is_stuck = true;
  finish(self);
}

/// A rank that is lost while its learner waits for rows.
void check_ranks(Pointer self) {
  LearningCoordinatorState& state = self->state;
  for (std::size_t i = 0; i < state.sessions.size() && !state.company->is_stopping(); ++i) {
    const std::string problem = state.sessions[i]->problem();
    if (problem.empty()) continue;
    stop_job(self, Error(ErrorCode::kTransport, state.job->learners[i].name + ": " + problem));
  }
}

void tick(Pointer self) {
  LearningCoordinatorState& state = self->state;
  if (state.reporter && !state.company->is_stopping()) {
    renew_progress(state);
    state.reporter->update(state.progress, Clock::now());
  }
  if (stop_requested() && !state.company->is_stopping()) {
    stop_job(self, Error(ErrorCode::kShutdown, "stopped on request; continue with --resume"));
  }
  const bool is_scored = state.blocks_supplied == state.blocks->size();
  if (state.crew && is_scored && state.crew->ledger().is_idle()) state.crew->dismiss();
  if (state.reports.take()) {
    state.watch.report(*state.job, Clock::now());
    if (state.crew) state.crew->report(Clock::now());
  }
  check_ranks(self);
  check_deadlines(self);
  self->delayed_send(self, kTick, CoordinatorTick{});
}

/// Rows of all steps of all learners, for the progress bar.
void begin_progress(LearningCoordinatorState& state, const LearningResources& resources) {
  std::string title;
  for (std::size_t i = 0; i < state.job->learners.size(); ++i) {
    const LearnerJob& learner = state.job->learners[i];
    title += (title.empty() ? "" : " + ") + learner.name;
    const BatchPlan plan(learner.batches);
    const std::uint64_t num_rows = learner.batches.num_rows;
    const std::uint64_t epochs = plan.num_steps() / plan.steps_per_epoch();
    const std::uint64_t rest = plan.num_steps() % plan.steps_per_epoch();
    state.progress.rows_total +=
        epochs * num_rows + std::min(num_rows, rest * plan.rows_per_step());
    state.rows_before += resources.sessions[i]->state().num_rows;
    state.outcome.learners.push_back({.steps_done = resources.sessions[i]->steps_done()});
  }
  if (state.job->shows_progress) {
    state.reporter = make_progress(title, ProgressStyle::kAuto, state.start);
  }
}

void spawn_all(Pointer self, const std::shared_ptr<LearningResources>& resources) {
  LearningCoordinatorState& state = self->state;
  const auto& job = state.job;
  const LearningCoordinatorActor me = self;
  Company& company = *state.company;
  state.feeder = self->spawn(feeder_actor, job, state.blocks, me);
  company.join(state.feeder, "feeder", number(Stage::kFeeding));
  if (!state.blocks->empty()) {
    state.store = self->spawn<caf::detached>(store_actor, job, resources->store);
    std::vector<ScoreConsumer> consumers{state.feeder};
    if (job->ranking) {
      state.ranker = self->spawn<caf::detached>(dual_ranker_actor, job, me);
      company.join(state.ranker, "ranker", number(Stage::kFeeding));
      consumers.push_back(state.ranker);
    }
    self->send(state.store, StorePeers{me, std::move(consumers), WriterActor{}});
    company.join(state.store, "store", number(Stage::kStoring));
    state.crew =
        std::make_unique<ScorerCrew>(self, job, me, state.store, company, number(Stage::kScoring));
  }
  for (std::uint32_t i = 0; i < job->learners.size(); ++i) {
    const LearnerActor learner =
        self->spawn<caf::detached>(learner_actor, job, i, resources->sessions[i], state.feeder, me);
    company.join(learner, job->learners[i].name, number(Stage::kLearning));
  }
}

}  // namespace

LearningCoordinatorActor::behavior_type learning_coordinator(
    Pointer self, std::shared_ptr<const LearningJob> job,
    std::shared_ptr<LearningResources> resources, caf::actor listener) {
  install_error_boundary(self);
  if (job->group.empty()) trace::begin_job();
  LearningCoordinatorState& state = self->state;
  state.blocks = std::make_shared<const std::vector<ScoreBlock>>(plan_scores(*job));
  state.job = std::move(job);
  state.listener = std::move(listener);
  state.sessions = resources->sessions;
  state.company = std::make_unique<Company>(self, number(Stage::kCount));
  state.start = Clock::now();
  begin_progress(state, *resources);
  self->set_down_handler([self](const caf::down_msg& down) { note_down(self, down); });
  spawn_all(self, resources);
  admit_blocks(self);
  self->delayed_send(self, kTick, CoordinatorTick{});
  return {
      [self](const BlockLookedUp& looked) { plan_block(self, looked); },
      [self](const PullWork& pull) { self->state.crew->pull(pull.worker); },
      [self](const TileCommitted& committed) { self->state.crew->commit(committed); },
      [self](const TileFailed& failed) { note_failed_tile(self, failed); },
      [self](const ScorerJoined& joined) { self->state.crew->adopt(joined); },
      [self](const ScorerLeft& left) { self->state.crew->release(left); },
      [self](const BlockSupplied& supplied) { note_supplied(self, supplied); },
      [self](const StepTaken& step) { note_step(self, step); },
      [self](const WorkBegun& work) { self->state.watch.begin(work, Clock::now()); },
      [self](const WorkEnded& work) { self->state.watch.end(work.learner); },
      [self](const RowsRanked&) { note_ranked(self); },
      [self](const LearnerFinished& finished) { note_finished(self, finished); },
      [self](CoordinatorTick) { tick(self); },
  };
}

LearningOutcome run_learning_job(std::shared_ptr<const LearningJob> job,
                                 std::shared_ptr<LearningResources> resources) {
  const auto actors = std::make_shared<JobActors>();
  caf::scoped_actor listener(actors->system);
  const LearningCoordinatorActor coordinator =
      actors->system.spawn(learning_coordinator, job, resources, caf::actor(listener));
  const auto outcome = wait_for_outcome<LearningFinished, LearningOutcome>(listener, coordinator);
  if (outcome.is_stuck) {
    leave_behind(actors);
    leave_behind(job);
    leave_behind(resources);
  }
  return outcome;
}

}  // namespace midpo
