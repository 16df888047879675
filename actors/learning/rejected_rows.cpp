// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/rejected_rows.h"

#include <algorithm>
#include <map>

#include "actors/learning/score_board.h"
#include "actors/row_lines.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/posix_file.h"
#include "runtime/data/row_reader.h"

namespace midpo {
namespace {

constexpr std::uint64_t kBlockRows = 256;

/// By line: which row it is, and why it is rejected.
using RejectedLines = std::map<std::uint64_t, std::pair<std::uint64_t, std::string>>;

/// Of several models the first one's, since they answer in any order.
std::map<std::uint32_t, RejectedLines> by_file(std::vector<RejectedScore> rejected,
                                               const LearningJob& job) {
  std::ranges::sort(rejected, {}, &RejectedScore::model);
  std::map<std::uint32_t, RejectedLines> files;
  for (const RejectedScore& score : rejected) {
    const LearningRow& row = job.rows[score.row];
    files[row.position.file].emplace(row.position.line, std::pair(row.row, score.reason));
  }
  return files;
}

std::string quarantine_lines(std::uint32_t file, const RejectedLines& rejected,
                             const LearningJob& job) {
  RowRequirements pairs;
  pairs.min_responses = 2;
  const auto reader = open_rows({job.input_paths[file]}, kBlockRows, job.on_bad_row, pairs);
  std::string lines;
  for (bool is_last = false; !is_last;) {
    const auto block = reader->next_block();
    is_last = block->is_last;
    for (const PreferenceRow& row : block->rows) {
      const auto found = rejected.find(row.position.line);
      if (found == rejected.end()) continue;
      const auto& [number, reason] = found->second;
      lines += quarantine_line({number, {file, row.position.line}, reason, row.json});
    }
  }
  return lines;
}

void count(const ScoreBoard& board, LearnerJob& learner) {
  for (const auto* rows : {&learner.train, &learner.eval}) {
    const auto is_rejected = [&](const ChosenRow& row) { return board.is_rejected(learner, row); };
    const auto lost = static_cast<std::uint64_t>(std::ranges::count_if(*rows, is_rejected));
    learner.tally.kept -= lost;
    learner.tally.quarantined += lost;
  }
}

}  // namespace

void settle_rejected_rows(const std::vector<RejectedScore>& rejected, LearningJob& job,
                          const std::string& quarantine_path) {
  if (rejected.empty()) return;
  ScoreBoard board(std::shared_ptr<const LearningJob>(std::shared_ptr<void>(), &job));
  for (const RejectedScore& score : rejected) board.reject(score.model, score.row);
  for (LearnerJob& learner : job.learners) count(board, learner);
  if (job.num_ranked > 0) return;
  std::string lines = read_whole_file(quarantine_path);
  for (const auto& [file, of_file] : by_file(rejected, job)) {
    lines += quarantine_lines(file, of_file, job);
  }
  write_file_atomically(quarantine_path, lines);
}

}  // namespace midpo
