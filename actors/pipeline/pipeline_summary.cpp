// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/pipeline_summary.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

#include "actors/learning/learning_summary.h"
#include "actors/rank_summary.h"
#include "runtime/core/hash.h"
#include "runtime/observe/table.h"
#include "runtime/store/manifest.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

/// The files users load, in a fixed order.
std::set<fs::path> made_files(const PipelineFolder& folder) {
  std::set<fs::path> files{folder.d_dual()};
  for (const std::string& made : {folder.adapters(), folder.router()}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(made)) {
      if (entry.is_regular_file()) files.insert(entry.path());
    }
  }
  return files;
}

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

double share(double part, double whole) { return 100.0 * part / std::max(whole, 1e-9); }

std::string stage_table(const LearningResult& experts, const LearningResult& router) {
  const LearningOutcome& outcome = experts.outcome;
  const double wall = outcome.wall_seconds;
  const auto& compute = outcome.scoring.compute_seconds;
  const double scoring = std::accumulate(compute.begin(), compute.end(), 0.0);
  Table table({"stage", "done after, s", "busy, s", "busy, %"});
  table.row({"scorers (" + std::to_string(experts.job->num_scorers) + ")",
             Cell(outcome.scoring_seconds, 2), Cell(scoring, 2),
             Cell(share(scoring, wall * experts.job->num_scorers), 1)});
  table.row({"D_dual", Cell(outcome.ranking_seconds, 2)});
  for (std::size_t i = 0; i < outcome.learners.size(); ++i) {
    const LearnerFigures& learner = outcome.learners[i];
    table.row({experts.job->learners[i].name, Cell(learner.finished_seconds, 2),
               Cell(learner.seconds, 2), Cell(share(learner.seconds, wall), 1)});
  }
  if (!router.was_finished) {
    const LearnerFigures& learner = router.outcome.learners.front();
    table.row({"router", Cell(wall + router.outcome.wall_seconds, 2), Cell(learner.seconds, 2),
               Cell(share(learner.seconds, router.outcome.wall_seconds), 1)});
  }
  return table.text();
}

}  // namespace

void write_pipeline_manifest(const PipelineFolder& folder, const std::vector<std::string>& inputs,
                             const std::string& started_at) {
  RunManifest manifest;
  manifest.midpo_version = MIDPO_VERSION;
  manifest.started_at = started_at;
  manifest.plan_hash = content_hash(read_text(folder.expert_state() + "/plan.json")).hex();
  manifest.finished_at = utc_now();
  for (const fs::path& path : made_files(folder)) {
    manifest.outputs.push_back(
        {path.string(), fs::file_size(path), 0, sha256_of_file(path.string())});
  }
  for (const std::string& input : inputs) {
    manifest.inputs.push_back({input, fs::file_size(input), sha256_of_file(input)});
  }
  const RunCounters rows = counters_from_json(read_text(folder.expert_state() + "/ranking.json"));
  manifest.rows_in = rows.rows_in;
  manifest.rows_out = rows.kept;
  manifest.rows_filtered = rows.filtered;
  manifest.rows_quarantined = rows.quarantined;
  write_manifest(folder.manifest(), manifest);
}

std::string pipeline_summary(const PipelineOutcome& outcome) {
  std::string text;
  if (!outcome.experts.was_finished) {
    text += stage_table(outcome.experts, outcome.router);
    text += learning_summary(*outcome.experts.job, outcome.experts.outcome,
                             outcome.experts.trained_parameters);
  }
  if (!outcome.router.was_finished) {
    text += learning_summary(*outcome.router.job, outcome.router.outcome,
                             outcome.router.trained_parameters);
  }
  return text;
}

}  // namespace midpo
