// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/scorer_crew.h"
#include "runtime/core/error.h"

namespace midpo {

/// One optimizer step; a message, too.
struct StepTaken {
  std::uint32_t learner = 0;
  std::uint64_t steps_done = 0;
  std::uint64_t num_rows = 0;
  std::uint64_t num_tokens = 0;
  double least_flops = 0.0;
  double loss = 0.0;
  double seconds = 0.0;  ///< computing
};

/// What one learner did in this process.
struct LearnerFigures {
  std::uint64_t steps_done = 0;  ///< of the whole run
  std::uint64_t rows = 0;
  std::uint64_t tokens = 0;  ///< packed
  double last_loss = 0.0;
  double least_flops = 0.0;
  double gemm_flops_per_second = 0.0;  ///< of its own matrix products, measured at the end; 0: not
  double seconds = 0.0;                ///< computing
  double finished_seconds = 0.0;       ///< start of the job to its published weights
  bool is_finished = false;

  void add(const StepTaken& step) {
    steps_done = step.steps_done;
    rows += step.num_rows;
    tokens += step.num_tokens;
    least_flops += step.least_flops;
    last_loss = step.loss;
    seconds += step.seconds;
  }
};

/// A row that no scorer can handle.
struct RejectedScore {
  std::uint32_t model = 0;  ///< index into ScoringJob::models
  std::uint32_t row = 0;    ///< index into LearningJob::rows
  std::string reason;
};

/// How a training job ended.
struct LearningOutcome {
  bool is_stuck = false;       ///< some actor did not end: the process must, without waiting for it
  std::optional<Error> error;  ///< none: all weights are published
  std::vector<LearnerFigures> learners;
  std::vector<RejectedScore> rejected;  ///< learners that needed these trained without the row
  CrewFigures scoring;
  double scoring_seconds = 0.0;  ///< start of the job to the last score
  double ranking_seconds = 0.0;  ///< start of the job to the published D_dual; 0: by an earlier one
  double wall_seconds = 0.0;
};

}  // namespace midpo
