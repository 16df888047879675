// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learner_actor.h"

#include <chrono>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = LearnerActor::stateful_pointer<LearnerActorState>;
using Clock = std::chrono::steady_clock;

/// How often a learner looks whether what it waits for has come: another job has it, which cannot
/// send to this one's actors.
constexpr std::chrono::milliseconds kLook{2};

/// Does a piece of work that may hang, under the coordinator's eyes.
template <class Work>
void do_watched(Pointer self, const std::string& what, std::uint64_t num_batches,
                const Work& work) {
  LearnerActorState& state = self->state;
  self->send(state.coordinator, WorkBegun{state.index, what, num_batches});
  work();
  self->send(state.coordinator, WorkEnded{state.index});
}

/// The next step, an evaluation or the end.
void take_up(Pointer self) {
  LearnerActorState& state = self->state;
  if (state.session->is_evaluation_due()) {
    self->send(state.feeder, PullEvaluation{state.index});
  } else if (!state.session->is_trained()) {
    self->send(state.feeder, PullBatch{state.index, state.session->steps_done()});
  } else {
    const Activity::Busy busy = state.activity->busy("publish");
    do_watched(self, "publication", 1, [&] { state.session->publish(); });
    self->send(state.coordinator, LearnerFinished{state.index});
  }
}

StepPlace place_of(const LearnerActorState& state) {
  return {state.session->steps_done(), state.session->num_steps()};
}

/// A wait that comes no nearer is overdue like a step that does not end.
void note_wait(Pointer self, std::optional<StepWait> wait) {
  LearnerActorState& state = self->state;
  const bool was_timed = state.wait && state.wait->is_timed;
  const bool is_timed = wait && wait->is_timed;
  const bool is_same = was_timed && is_timed && state.wait->what == wait->what &&
                       state.wait->progress == wait->progress;
  if (was_timed && !is_same) self->send(state.coordinator, WorkEnded{state.index});
  if (is_timed && !is_same) self->send(state.coordinator, WorkBegun{state.index, wait->what, 1});
  state.wait = std::move(wait);
}

void pass_companion(Pointer self) {
  LearnerActorState& state = self->state;
  StepCompanion& companion = *state.job->learners[state.index].companion;
  note_wait(self, companion.wait(place_of(state)));
  if (state.wait) return self->delayed_send(self, kLook, LookAgain{});
  do_watched(self, "taking over weights", 1, [&] {
    const Activity::Busy busy = state.activity->busy("weights");
    state.figures = companion.depart(state.session->learner(), place_of(state));
  });
  take_up(self);
}

void go_on(Pointer self) {
  LearnerActorState& state = self->state;
  const auto& companion = state.job->learners[state.index].companion;
  if (!companion) return take_up(self);
  do_watched(self, "publishing a version", 1, [&] {
    const Activity::Busy busy = state.activity->busy("weights");
    companion->arrive(state.session->learner(), place_of(state));
  });
  pass_companion(self);
}

void train(Pointer self, const BatchReady& batch) {
  LearnerActorState& state = self->state;
  const auto start = Clock::now();
  TrainingSession::Step step;
  do_watched(self, "step " + std::to_string(batch.step + 1), 1, [&] {
    Activity::Busy busy = state.activity->busy("step", batch.rows->size());
    busy.continue_flow(batch_flow(state.index, batch.step));
    step = state.session->train(*batch.rows, state.figures);
  });
  state.activity->set_version(state.session->steps_done());
  StepTaken taken;
  taken.learner = state.index;
  taken.steps_done = state.session->steps_done();
  taken.num_rows = batch.rows->size();
  taken.num_tokens = step.num_tokens;
  taken.least_flops = step.least_flops;
  taken.loss = step.loss;
  taken.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  self->send(state.coordinator, taken);
  go_on(self);
}

void evaluate(Pointer self, const EvaluationReady& ready) {
  TrainingSession& session = *self->state.session;
  do_watched(self, "evaluation after step " + std::to_string(session.steps_done()),
             session.num_batches(ready.rows->size()), [&] {
               const Activity::Busy busy =
                   self->state.activity->busy("evaluation", ready.rows->size());
               session.evaluate(*ready.rows);
             });
  go_on(self);
}

}  // namespace

LearnerActor::behavior_type learner_actor(Pointer self, std::shared_ptr<const LearningJob> job,
                                          std::uint32_t index,
                                          std::shared_ptr<TrainingSession> session,
                                          FeederActor feeder,
                                          LearningCoordinatorActor coordinator) {
  install_error_boundary(self);
  auto activity = std::make_unique<Activity>(session->name(), job->group);
  self->state = {std::move(job),         index,
                 std::move(session),     std::move(feeder),
                 std::move(coordinator), std::move(activity),
                 std::nullopt,           {}};
  go_on(self);
  return {
      [self](const BatchReady& batch) { train(self, batch); },
      [self](const EvaluationReady& ready) { evaluate(self, ready); },
      [self](LookAgain) { pass_companion(self); },
      [self](Stop) {
        self->state.session->save();
        self->quit();
      },
  };
}

}  // namespace midpo
