// SPDX-License-Identifier: Apache-2.0
// Reading a training job's rows, and which of them each learner uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/learning/learning_job.h"

namespace midpo {

/// Rows of some files, tokenised and in file order.
struct RowSet {
  std::uint32_t begin = 0;  ///< index of the first one in LearningJob::rows
  std::uint32_t end = 0;
  std::uint64_t rows_in = 0;  ///< with those that are quarantined
  std::uint64_t quarantined = 0;
  std::string quarantine_lines;
  std::vector<InputFile> files;
};

/// What a learner wants of its rows.
struct RowWish {
  Objective objective = Objective::kPairs;
  PairRule rule = PairRule::kBetter;
};

/// Reads `paths` whole, tokenises them on all cores and appends the good rows to job.rows, their
/// files to job.input_paths. Pairs of more than two responses are reduced to the winner and
/// rejected_response_id, as midpo rank writes them.
/// @throws Error(kData) naming file:line for a row that cannot be used, under kFail.
RowSet read_rows(const std::vector<std::string>& paths, bool is_dialogue, LearningJob& job);

/// The rows of a set that a learner trains on, counted by fate. @throws Error(kData) naming the row
/// whose label is missing.
std::vector<ChosenRow> choose_rows(const LearningJob& job, const RowSet& set, const RowWish& wish,
                                   RowTally& tally);

}  // namespace midpo
