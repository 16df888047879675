// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learner_actor.h"

#include <chrono>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = LearnerActor::stateful_pointer<LearnerActorState>;
using Clock = std::chrono::steady_clock;

/// Does a piece of work that may hang, under the coordinator's eyes.
template <class Work>
void do_watched(Pointer self, const std::string& what, std::uint64_t num_batches,
                const Work& work) {
  LearnerActorState& state = self->state;
  self->send(state.coordinator, WorkBegun{state.index, what, num_batches});
  work();
  self->send(state.coordinator, WorkEnded{state.index});
}

void go_on(Pointer self) {
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

void train(Pointer self, const BatchReady& batch) {
  LearnerActorState& state = self->state;
  const auto start = Clock::now();
  TrainingSession::Step step;
  do_watched(self, "step " + std::to_string(batch.step + 1), 1, [&] {
    Activity::Busy busy = state.activity->busy("step", batch.rows->size());
    busy.continue_flow(batch_flow(state.index, batch.step));
    step = state.session->train(*batch.rows);
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

LearnerActor::behavior_type learner_actor(Pointer self, std::uint32_t index,
                                          std::shared_ptr<TrainingSession> session,
                                          FeederActor feeder,
                                          LearningCoordinatorActor coordinator) {
  install_error_boundary(self);
  auto activity = std::make_unique<Activity>(session->name());
  self->state = {index, std::move(session), std::move(feeder), std::move(coordinator),
                 std::move(activity)};
  go_on(self);
  return {
      [self](const BatchReady& batch) { train(self, batch); },
      [self](const EvaluationReady& ready) { evaluate(self, ready); },
      [self](Stop) {
        self->state.session->save();
        self->quit();
      },
  };
}

}  // namespace midpo
