// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "actors/learning/learning_job.h"
#include "actors/learning/learning_messages.h"
#include "runtime/core/error.h"

namespace midpo {

/// What the learners of a job have at hand, and since when. Part of a coordinator's state, which
/// forwards what learners tell it.
class LearnerWatch {
 public:
  using Clock = std::chrono::steady_clock;

  void begin(const WorkBegun& work, Clock::time_point now);
  void end(std::uint32_t learner) { at_hand_.erase(learner); }

  /// The error that ends the job when something takes longer than the job's step deadline, an
  /// evaluation than that for each of its batches.
  std::optional<Error> overdue(const LearningJob& job, Clock::time_point now) const;

  /// Writes to the log what each learner is at.
  void report(const LearningJob& job, Clock::time_point now) const;

 private:
  struct Work {
    WorkBegun begun;
    Clock::time_point since;
  };
  std::map<std::uint32_t, Work> at_hand_;  ///< by learner
};

}  // namespace midpo
