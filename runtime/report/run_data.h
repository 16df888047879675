// SPDX-License-Identifier: Apache-2.0
// What the report knows of a run: everything in its folder that is a measurement.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/report/evaluation_data.h"

namespace midpo {

/// One metrics.jsonl.
struct MetricsData {
  std::string name;
  /// metric -> (step, value); `time` is in seconds
  std::map<std::string, std::vector<std::pair<double, double>>> series;
};

/// Row counts of a manifest.json.
struct YieldData {
  std::string name;
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t rows_quarantined = 0;
  std::map<std::string, std::uint64_t> filtered;
};

/// A line of stages.json, of an overlapped run.
struct StageData {
  std::string name;
  double done_seconds = 0.0;  ///< from the start of the run
  double busy_seconds = 0.0;
  double busy_share = 0.0;
};

/// One line of gates.jsonl: both gates of each layer at each token.
struct GateExample {
  std::vector<std::string> tokens;
  std::vector<std::vector<double>> alpha;  ///< [layer][token], weight of the safety expert
  std::vector<std::vector<double>> beta;   ///< [layer][token], weight of the helpfulness expert
};

struct RunData {
  std::string name;
  std::vector<EvaluationData> evaluations;
  std::vector<MetricsData> metrics;
  std::vector<YieldData> yields;
  std::vector<GateExample> gates;
  std::vector<StageData> stages;

  bool is_empty() const {
    return evaluations.empty() && metrics.empty() && yields.empty() && gates.empty() &&
           stages.empty();
  }
};

/// Reads every *.summary.json, metrics.jsonl, manifest.json, stages.json and gates.jsonl of a
/// folder and its sub-folders, in the order of their paths. A last line cut by a kill is left out.
/// @throws Error(kConfig) for a folder that is missing or holds none of these; Error(kData) naming
///   a file that is not what its name says.
RunData read_run(const std::string& name, const std::string& folder);

}  // namespace midpo
