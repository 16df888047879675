// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learner_actor.h"

#include <chrono>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = LearnerActor::stateful_pointer<LearnerActorState>;
using Clock = std::chrono::steady_clock;

void go_on(Pointer self) {
  LearnerActorState& state = self->state;
  if (state.session->is_evaluation_due()) {
    self->send(state.feeder, PullEvaluation{state.index});
  } else if (!state.session->is_trained()) {
    self->send(state.feeder, PullBatch{state.index, state.session->steps_done()});
  } else {
    const Activity::Busy busy = state.activity->busy("publish");
    state.session->publish();
    self->send(state.coordinator, LearnerFinished{state.index});
  }
}

void train(Pointer self, const BatchReady& batch) {
  LearnerActorState& state = self->state;
  const auto start = Clock::now();
  const TrainingSession::Step step = [&] {
    Activity::Busy busy = state.activity->busy("step", batch.rows->size());
    busy.continue_flow(batch_flow(state.index, batch.step));
    return state.session->train(*batch.rows);
  }();
  state.activity->set_version(state.session->steps_done());
  StepTaken taken;
  taken.learner = state.index;
  taken.steps_done = state.session->steps_done();
  taken.num_rows = batch.rows->size();
  taken.num_tokens = step.num_tokens;
  taken.loss = step.loss;
  taken.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  self->send(state.coordinator, taken);
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
      [self](const EvaluationReady& ready) {
        {
          const Activity::Busy busy = self->state.activity->busy("evaluation", ready.rows->size());
          self->state.session->evaluate(*ready.rows);
        }
        go_on(self);
      },
      [self](Stop) {
        self->state.session->save();
        self->quit();
      },
  };
}

}  // namespace midpo
