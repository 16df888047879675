// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "actors/generation/generated_row.h"
#include "runtime/core/atomic_file.h"
#include "runtime/data/row_reader.h"
#include "runtime/flow/sequencer.h"
#include "runtime/observe/progress.h"

namespace midpo {

/// What a job did.
struct GenerationTotals {
  std::uint64_t num_rows = 0;
  std::uint64_t num_prompt_tokens = 0;
  std::uint64_t num_response_tokens = 0;
};

/// Hands out the prompts of the input and takes back their rows, which it writes in input order
/// whatever order they come in. It stays at most a window of rows ahead of what is written, so
/// memory is bounded however unequal responses are. Not thread-safe; no CAF.
class PromptDesk {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param reader  at its beginning; rows before job->first_row are skipped.
  /// @param output  continues behind those rows.
  PromptDesk(std::shared_ptr<const GenerationJob> job, std::unique_ptr<RowReader> reader,
             std::unique_ptr<GrowingFile> output);

  /// Up to `count` prompts; none at the end of the input or of the window.
  /// @throws Error(kData) naming file and line of a row that is no prompt.
  std::vector<std::shared_ptr<const PromptRow>> next_prompts(std::size_t count);
  bool has_input_ended() const { return has_input_ended_; }

  /// @throws Error(kStorage)
  void write(const GeneratedRow& row, Clock::time_point now);

  /// Whether every row of the input is written.
  bool is_finished() const { return has_input_ended_ && lines_.next_index() == next_row_; }
  void publish(Clock::time_point now);
  void make_durable() { output_->make_durable(); }

  const GenerationTotals& totals() const { return totals_; }

 private:
  void read_block();

  std::shared_ptr<const GenerationJob> job_;
  std::unique_ptr<RowReader> reader_;
  std::unique_ptr<GrowingFile> output_;
  std::unique_ptr<RowBlock> block_;
  std::size_t next_in_block_ = 0;
  double fraction_read_ = 0.0;
  bool has_input_ended_ = false;
  std::uint64_t next_row_;  ///< to hand out

  struct Line {
    std::string text;
    double fraction_read = 0.0;
  };
  Sequencer<Line> lines_;
  GenerationTotals totals_;
  ProgressState progress_;
  std::unique_ptr<ProgressReporter> reporter_;
  Clock::time_point last_durable_;
};

}  // namespace midpo
