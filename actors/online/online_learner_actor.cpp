// SPDX-License-Identifier: Apache-2.0
#include "actors/online/online_learner_actor.h"

#include <algorithm>
#include <chrono>

#include "actors/error_boundary.h"

namespace midpo {
namespace {

using Pointer = OnlineLearnerActor::stateful_pointer<OnlineLearnerState>;
using Clock = std::chrono::steady_clock;

void publish(Pointer self) {
  OnlineLearnerState& state = self->state;
  const Activity::Busy busy = state.activity->busy("publish");
  const std::uint64_t version = state.session->steps_done();
  self->send(state.coordinator, VersionPublished{state.shelf->publish(*state.learner, version)});
  state.activity->set_version(version);
  // A restart continues from the newest checkpoint, with rounds of weights before it.
  const std::uint64_t saved = state.session->steps_saved();
  state.shelf->prune(state.job->version_of(saved));
}

void finish(Pointer self) {
  const Activity::Busy busy = self->state.activity->busy("publish");
  self->state.session->publish();
  self->send(self->state.coordinator, LearnerFinished{0});
}

void train(Pointer self, const RoundReady& round) {
  OnlineLearnerState& state = self->state;
  const auto start = Clock::now();
  const TrainingSession::Step step = [&] {
    const Activity::Busy busy = state.activity->busy("step", round.rows->size());
    return state.session->train(*round.rows, *round.figures);
  }();
  StepTaken taken;
  taken.steps_done = state.session->steps_done();
  taken.num_rows = round.rows->size();
  taken.num_tokens = step.num_tokens;
  taken.loss = step.loss;
  taken.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  publish(self);
  self->send(state.coordinator, taken);
  if (state.session->is_trained()) finish(self);
}

}  // namespace

OnlineLearnerActor::behavior_type online_learner_actor(Pointer self,
                                                       std::shared_ptr<const OnlineJob> job,
                                                       std::shared_ptr<TrainingSession> session,
                                                       std::shared_ptr<Learner> learner,
                                                       OnlineCoordinatorActor coordinator) {
  install_error_boundary(self);
  OnlineLearnerState& state = self->state;
  state.shelf = std::make_unique<WeightsShelf>(job->weights_dir);
  state.rounds = Sequencer<RoundReady>(session->steps_done());
  state.activity = std::make_unique<Activity>(session->name());
  state.job = std::move(job);
  state.session = std::move(session);
  state.learner = std::move(learner);
  state.coordinator = std::move(coordinator);
  publish(self);
  if (state.session->is_trained()) finish(self);
  return {
      [self](const RoundReady& ready) {
        self->state.rounds.push(ready.round, ready);
        while (const auto round = self->state.rounds.pop()) train(self, *round);
      },
      [self](Stop) {
        self->state.session->save();
        self->quit();
      },
  };
}

}  // namespace midpo
