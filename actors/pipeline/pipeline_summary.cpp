// SPDX-License-Identifier: Apache-2.0
#include "actors/pipeline/pipeline_summary.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "actors/learning/learning_summary.h"
#include "actors/rank_summary.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/hash.h"
#include "runtime/core/posix_file.h"
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

struct Stage {
  std::string name;
  double done_seconds = 0.0;  ///< from the start of the run
  double busy_seconds = 0.0;
  double share = 0.0;  ///< of the time of its part of the run, for each of its actors
};

Stage make_stage(std::string name, double done, double busy, double available) {
  return {std::move(name), done, busy, busy / std::max(available, 1e-9)};
}

std::vector<Stage> stages_of(const PipelineOutcome& run) {
  const LearningResult& experts = run.experts;
  const LearningResult& router = run.router;
  const LearningOutcome& outcome = experts.outcome;
  const double wall = outcome.wall_seconds;
  const auto& compute = outcome.scoring.compute_seconds;
  const double scoring = std::accumulate(compute.begin(), compute.end(), 0.0);
  const std::uint32_t num_scorers = std::max(1U, experts.job->num_scorers);
  std::vector<Stage> stages{make_stage("scorers (" + std::to_string(num_scorers) + ")",
                                       outcome.scoring_seconds, scoring, wall * num_scorers)};
  for (std::size_t i = 0; i < outcome.learners.size(); ++i) {
    const LearnerFigures& learner = outcome.learners[i];
    stages.push_back(
        make_stage(experts.job->learners[i].name, learner.finished_seconds, learner.seconds, wall));
  }
  if (!router.was_finished) {
    const double router_wall = router.outcome.wall_seconds;
    stages.push_back(make_stage("router", run.router_begin_seconds + router_wall,
                                router.outcome.learners.front().seconds, router_wall));
  }
  return stages;
}

std::string stage_table(const std::vector<Stage>& stages, const PipelineOutcome& run) {
  Table table({"stage", "done after, s", "busy, s", "busy, %"});
  for (const Stage& stage : stages) {
    table.row({stage.name, Cell(stage.done_seconds, 2), Cell(stage.busy_seconds, 2),
               Cell(100.0 * stage.share, 1)});
  }
  table.row({"D_dual", Cell(run.experts.outcome.ranking_seconds, 2)});
  if (run.max_staleness) {
    table.row({"experts ahead of the router, versions, at most", *run.max_staleness});
  }
  return table.text();
}

}  // namespace

void write_pipeline_manifest(const PipelineFolder& folder, const std::vector<std::string>& inputs,
                             const std::string& started_at) {
  RunManifest manifest;
  manifest.midpo_version = MIDPO_VERSION;
  manifest.started_at = started_at;
  manifest.plan_hash = content_hash(read_whole_file(folder.expert_state() + "/plan.json")).hex();
  manifest.finished_at = utc_now();
  for (const fs::path& path : made_files(folder)) {
    manifest.outputs.push_back(
        {path.string(), fs::file_size(path), 0, sha256_of_file(path.string())});
  }
  for (const std::string& input : inputs) {
    manifest.inputs.push_back({input, fs::file_size(input), sha256_of_file(input)});
  }
  const RunCounters rows =
      counters_from_json(read_whole_file(folder.expert_state() + "/ranking.json"));
  manifest.rows_in = rows.rows_in;
  manifest.rows_out = rows.kept;
  manifest.rows_filtered = rows.filtered;
  manifest.rows_quarantined = rows.quarantined;
  write_manifest(folder.manifest(), manifest);
}

void write_stages(const PipelineFolder& folder, const PipelineOutcome& outcome) {
  if (outcome.experts.was_finished) return;
  nlohmann::json rows = nlohmann::json::array();
  for (const Stage& stage : stages_of(outcome)) {
    rows.push_back({{"name", stage.name},
                    {"done_seconds", stage.done_seconds},
                    {"busy_seconds", stage.busy_seconds},
                    {"busy_share", stage.share}});
  }
  write_file_atomically(folder.dir + "/stages.json", nlohmann::json{{"stages", rows}}.dump(1));
}

std::string pipeline_summary(const PipelineOutcome& outcome) {
  std::string text;
  if (!outcome.experts.was_finished) {
    text += stage_table(stages_of(outcome), outcome);
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
