// SPDX-License-Identifier: Apache-2.0
#include "actors/learning/learning_summary.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <numeric>
#include <set>

#include "actors/model_options.h"
#include "runtime/core/hash.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

using CellOf = std::function<Cell(std::size_t learner)>;

class LearnerTable {
 public:
  explicit LearnerTable(const LearningJob& job)
      : num_learners_(job.learners.size()), table_([&] {
          std::vector<std::string> headings{""};
          for (const LearnerJob& learner : job.learners) headings.push_back(learner.name);
          return headings;
        }()) {}

  void row(const std::string& name, const CellOf& cell) {
    std::vector<Cell> cells{name};
    for (std::size_t i = 0; i < num_learners_; ++i) cells.push_back(cell(i));
    table_.row(std::move(cells));
  }
  void rule() { table_.rule(); }
  std::string text() const { return table_.text(); }

 private:
  std::size_t num_learners_;
  Table table_;
};

void add_rows(LearnerTable& table, const LearningJob& job) {
  const auto tally = [&](std::size_t i) -> const RowTally& { return job.learners[i].tally; };
  std::set<std::string> reasons;
  for (const LearnerJob& learner : job.learners) {
    for (const auto& [reason, rows] : learner.tally.filtered) reasons.insert(reason);
  }
  table.row("rows in", [&](std::size_t i) { return Cell(tally(i).rows_in); });
  table.row("rows trained or evaluated on", [&](std::size_t i) { return Cell(tally(i).kept); });
  for (const std::string& reason : reasons) {
    table.row("  filtered: " + reason, [&](std::size_t i) {
      const auto found = tally(i).filtered.find(reason);
      return Cell(found == tally(i).filtered.end() ? 0 : found->second);
    });
  }
  table.row("rows quarantined", [&](std::size_t i) { return Cell(tally(i).quarantined); });
}

/// How near the least work came to what the matrix products alone allow.
void add_limit(LearnerTable& table, const LearningOutcome& outcome) {
  const auto limit = [&](std::size_t i) { return outcome.learners[i].gemm_flops_per_second; };
  if (limit(0) <= 0.0) return;
  table.row("GEMM limit, GFLOP/s", [&](std::size_t i) { return Cell(limit(i) / 1e9, 1); });
  table.row("reached of it, %", [&](std::size_t i) {
    const LearnerFigures& done = outcome.learners[i];
    const double limit_flops = std::max(done.seconds * limit(i), 1e-9);
    return Cell(100.0 * done.least_flops / limit_flops, 1);
  });
}

void add_scoring(LearnerTable& table, const LearningJob& job, const LearningOutcome& outcome) {
  if (job.models.empty()) return;
  table.rule();
  for (std::size_t m = 0; m < job.models.size(); ++m) {
    table.row(std::string(role_name(job.models[m].role)) + " model, s", [&](std::size_t i) {
      return i > 0 ? Cell("") : Cell(outcome.scoring.compute_seconds[m], 2);
    });
  }
  table.row("scored after, s",
            [&](std::size_t i) { return i > 0 ? Cell("") : Cell(outcome.scoring_seconds, 2); });
}

double rate(std::uint64_t count, double seconds) {
  return static_cast<double>(count) / std::max(seconds, 1e-9);
}

}  // namespace

RunManifest learner_manifest(const LearningJob& job, const LearnerJob& learner,
                             const std::vector<InputFile>& inputs, const ModelInfo& base) {
  RunManifest manifest;
  manifest.midpo_version = MIDPO_VERSION;
  manifest.plan_hash = learner.plan_hash;
  for (const InputFile& input : inputs) {
    manifest.inputs.push_back({input.path, input.size_bytes, sha256_of_file(input.path)});
  }
  std::set<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(learner.output)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  for (const fs::path& path : files) {
    manifest.outputs.push_back(
        {path.string(), fs::file_size(path), 0, sha256_of_file(path.string())});
  }
  const auto describe = [&](const std::string& role, const ModelInfo& info) {
    manifest.models.push_back({role, info.content.hex(), std::string(dtype_name(info.dtype)),
                               info.device, info.numerics});
  };
  describe("base", base);
  for (const JobModel& model : job.models) {
    describe(std::string(role_name(model.role)), model.replicas.front()->info());
  }
  manifest.rows_in = learner.tally.rows_in;
  manifest.rows_out = learner.tally.kept;
  manifest.rows_filtered = learner.tally.filtered;
  manifest.rows_quarantined = learner.tally.quarantined;
  return manifest;
}

std::string learning_summary(const LearningJob& job, const LearningOutcome& outcome,
                             const std::vector<std::int64_t>& trained_parameters) {
  LearnerTable table(job);
  const auto done = [&](std::size_t i) -> const LearnerFigures& { return outcome.learners[i]; };
  add_rows(table, job);
  add_scoring(table, job, outcome);
  table.rule();
  table.row("trained parameters", [&](std::size_t i) { return Cell(trained_parameters[i]); });
  table.row("steps", [&](std::size_t i) { return Cell(done(i).steps_done); });
  table.row("last loss", [&](std::size_t i) { return Cell(done(i).last_loss, 4); });
  table.row("training, s", [&](std::size_t i) { return Cell(done(i).seconds, 2); });
  table.row("rows/s", [&](std::size_t i) { return Cell(rate(done(i).rows, done(i).seconds), 1); });
  table.row("packed tokens/s",
            [&](std::size_t i) { return Cell(rate(done(i).tokens, done(i).seconds), 0); });
  add_limit(table, outcome);
  table.rule();
  table.row("wall, s",
            [&](std::size_t i) { return i > 0 ? Cell("") : Cell(outcome.wall_seconds, 2); });
  table.row("output", [&](std::size_t i) { return Cell(job.learners[i].output); });
  return table.text();
}

}  // namespace midpo
