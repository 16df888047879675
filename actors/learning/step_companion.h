// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/learner.h"

namespace midpo {

/// How far a learner is.
struct StepPlace {
  std::uint64_t steps_done = 0;
  std::uint64_t num_steps = 0;
};

/// What a learner has to wait for before it goes on.
struct StepWait {
  std::string what;  ///< for messages: "waiting for version 5 of the safety expert"
  /// Another number than before: what is waited for has come nearer, and its time begins anew.
  std::uint64_t progress = 0;
  /// Whether the job's step deadline counts; false while something else is under a deadline.
  bool is_timed = true;
};

/// What the steps of a learner are bound to outside its own job: the weights of other learners that
/// it follows, or others that follow it. Its learner's thread calls it: between any two steps
/// arrive(), then wait() until nothing is left to wait for, then depart(). All three may be called
/// again at the same place.
class StepCompanion {
 public:
  virtual ~StepCompanion() = default;

  /// What of it the learner's weights depend on, as part of the plan; empty: nothing.
  virtual std::string plan() const { return {}; }

  /// So many steps are done: at the start, and behind each step.
  virtual void arrive(Learner& learner, const StepPlace& place) = 0;

  /// Why the learner may not go on; none: it may. Never blocks.
  virtual std::optional<StepWait> wait(const StepPlace& place) = 0;

  /// The learner goes on: with a step, an evaluation or, behind the last step, the publication.
  /// @return metrics for the step.
  virtual std::vector<NamedNumber> depart(Learner& learner, const StepPlace& place) = 0;
};

}  // namespace midpo
