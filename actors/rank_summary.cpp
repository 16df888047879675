// SPDX-License-Identifier: Apache-2.0
#include "actors/rank_summary.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <numeric>
#include <vector>

#include "actors/model_options.h"
#include "actors/parallel.h"
#include "runtime/core/control_group.h"
#include "runtime/core/hash.h"
#include "runtime/observe/progress.h"
#include "runtime/observe/table.h"

namespace midpo {
namespace {

ManifestOutput describe_output(const std::string& path, std::uint64_t rows) {
  return {path, std::filesystem::file_size(path), rows, sha256_of_file(path)};
}

void add_rows(Table& table, const RunCounters& counters) {
  table.row({"rows in", counters.rows_in});
  table.row({"rows kept (D_dual)", counters.kept});
  for (const auto& [reason, rows] : counters.filtered) table.row({"  filtered: " + reason, rows});
  table.row({"rows quarantined", counters.quarantined});
  table.row({"near ties", counters.near_ties});
}

void add_stages(Table& table, const RankJob& job, const StageSeconds& seconds) {
  table.row({"tokenise, s", Cell(seconds.tokenize, 2)});
  for (std::size_t m = 0; m < job.models.size(); ++m) {
    table.row(
        {std::string(role_name(job.models[m].role)) + " model, s", Cell(seconds.compute[m], 2)});
  }
  table.row({"commit, s", Cell(seconds.commit, 2)});
  table.row({"rank, s", Cell(seconds.rank, 2)});
  table.row({"write, s", Cell(seconds.write, 2)});
}

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

RunManifest make_manifest(const RankJob& job, const JobOutcome& outcome,
                          const std::vector<InputFile>& inputs, const std::string& plan) {
  RunManifest manifest;
  manifest.midpo_version = MIDPO_VERSION;
  manifest.plan_hash = content_hash(plan).hex();
  for (const InputFile& input : inputs) {
    manifest.inputs.push_back({input.path, input.size_bytes, sha256_of_file(input.path)});
  }
  const RunCounters& counters = outcome.counters;
  const std::uint64_t good_rows = counters.rows_in - counters.quarantined;
  manifest.outputs.push_back(describe_output(job.output_path, counters.kept));
  if (!job.scores_output_path.empty()) {
    manifest.outputs.push_back(describe_output(job.scores_output_path, good_rows));
  }
  if (job.on_bad_row == BadRowPolicy::kQuarantine) {
    manifest.outputs.push_back(describe_output(job.quarantine_path, counters.quarantined));
  }
  for (const JobModel& model : job.models) {
    const ModelInfo& info = model.replicas.front()->info();
    manifest.models.push_back({std::string(role_name(model.role)), info.content.hex(),
                               std::string(dtype_name(info.dtype)), info.device, info.numerics});
  }
  manifest.rows_in = counters.rows_in;
  manifest.rows_out = counters.kept;
  manifest.rows_filtered = counters.filtered;
  manifest.rows_quarantined = counters.quarantined;
  return manifest;
}

double measure_gemm_limit(const EngineFactory& engines, const RankJob& job) {
  if (job.models.empty()) return 0.0;
  // All threads at once: cores share caches, memory and clock.
  std::vector<double> rates(std::min<std::size_t>(job.num_scorers, num_cores()));
  parallel_for(rates.size(), rates.size(), [&](std::size_t i) {
    const auto& replicas = job.models[i % job.models.size()].replicas;
    rates[i] = engines.measure_gemm_flops(*replicas[i % replicas.size()]);
  });
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

std::string summary_text(const RankJob& job, const JobOutcome& outcome, double gemm_limit) {
  Table table;
  add_rows(table, outcome.counters);
  table.rule();
  add_stages(table, job, outcome.seconds);
  table.row({"wall, s", Cell(outcome.wall_seconds, 2)});
  table.row({"first score after, s", Cell(outcome.first_score_seconds, 2)});
  table.rule();
  const double wall = std::max(outcome.wall_seconds, 1e-9);
  table.row({"rows/s", Cell(static_cast<double>(outcome.rows_done) / wall, 1)});
  table.row({"packed tokens/s", Cell(static_cast<double>(outcome.tokens_done) / wall, 0)});
  if (gemm_limit > 0.0) {
    table.row({"GEMM limit, GFLOP/s", Cell(gemm_limit / 1e9, 1)});
    table.row({"reached of it, %", Cell(100.0 * outcome.least_flops / (wall * gemm_limit), 1)});
  }
  return table.text();
}

}  // namespace midpo
