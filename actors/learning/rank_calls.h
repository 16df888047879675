// SPDX-License-Identifier: Apache-2.0
// What rank 0 of a data-parallel learner asks of all ranks, as bytes between processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/learner.h"
#include "runtime/core/error.h"

namespace midpo {

/// One call of a Learner, made by all ranks at once.
struct RankCall {
  enum class Kind : std::uint8_t {
    kAccumulate,  ///< rows, batch
    kEvaluate,    ///< rows, batch
    kApply,       ///< learning_rate
    kSaveState,   ///< path
    kLoadState,   ///< path
    kQuit,
  };
  Kind kind = Kind::kQuit;
  std::vector<TrainingRow> rows;  ///< of all ranks
  BatchCount batch;
  double learning_rate = 0.0;
  std::string path;

  std::string to_bytes() const;
  /// @throws Error(kTransport) for bytes that are none.
  static RankCall from_bytes(const std::string& bytes);
};

/// How a call ended on one rank.
struct RankOutcome {
  std::optional<Error> error;
  LossReport report;  ///< kAccumulate, kEvaluate: of the rank's rows
  double norm = 0.0;  ///< kApply

  std::string to_bytes() const;
  static RankOutcome from_bytes(const std::string& bytes);
};

/// The options without what each rank has of its own: device, threads, collective.
std::string learner_options_to_json(const LearnerOptions& options);
LearnerOptions learner_options_from_json(const std::string& text);

}  // namespace midpo
