// SPDX-License-Identifier: Apache-2.0
// The output of a generation job: what may be there already, and where to go on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/generation/generation_job.h"
#include "runtime/core/atomic_file.h"
#include "runtime/data/row_reader.h"

namespace midpo {

struct OutputChoice {
  std::string path;  ///< grows as PATH.partial; PATH.plan.json beside it says how it is made
  bool resume = false;
  bool overwrite = false;
};

/// Decides by what is on disk and the two flags.
/// @return false if a finished output is there and --resume has nothing to do.
/// @throws Error(kConfig) when something is there and neither flag says what to do with it.
bool prepare_output(const OutputChoice& choice);

/// What responses depend on, as JSON text: inputs, model, sampling.
std::string generation_plan(const GenerationJob& job, const std::vector<InputFile>& inputs);

/// The output where its complete lines end. Records the plan, or compares it with the recorded one.
/// @param num_rows  set to the rows that are written already.
/// @throws Error(kConfig) if the output was begun under another plan.
std::unique_ptr<GrowingFile> open_output(const OutputChoice& choice, const std::string& plan,
                                         std::uint64_t& num_rows);

/// @throws Error(kConfig) if the finished output was made under another plan, or an unknown one.
void check_finished_output(const OutputChoice& choice, const std::string& plan);

/// After an error: an output without a row is none, so that the same command can be given again.
void remove_if_empty(const OutputChoice& choice);

}  // namespace midpo
