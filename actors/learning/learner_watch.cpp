// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learner_watch.h"

#include <algorithm>
#include <cmath>

#include "runtime/observe/log.h"
#include "runtime/observe/text_format.h"

namespace midpo {

void LearnerWatch::begin(const WorkBegun& work, Clock::time_point now) {
  at_hand_[work.learner] = {work, now};
}

void LearnerWatch::report(const LearningJob& job, Clock::time_point now) const {
  for (const auto& [learner, work] : at_hand_) {
    const double seconds = std::chrono::duration<double>(now - work.since).count();
    log::info("waits",
              {{"who", job.learners[learner].name}, {"at", work.begun.what}, {"seconds", seconds}});
  }
}

std::optional<Error> LearnerWatch::overdue(const LearningJob& job, Clock::time_point now) const {
  for (const auto& [learner, work] : at_hand_) {
    const auto batches = static_cast<double>(std::max<std::uint64_t>(1, work.begun.num_batches));
    const double limit = job.step_deadline_seconds * batches;
    const double seconds = std::chrono::duration<double>(now - work.since).count();
    if (seconds <= limit) continue;
    return Error(ErrorCode::kInternal,
                 job.learners[learner].name + ", " + work.begun.what + ": not done after " +
                     number_text(std::floor(seconds * 10.0) / 10.0) +
                     " s; step_deadline_seconds allows " + number_text(limit) +
                     "; --resume continues before it, a larger deadline gives it longer");
  }
  return std::nullopt;
}

}  // namespace midpo
