// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/run_data.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// An example is a picture of its own: more than a handful says no more.
constexpr std::size_t kMaxGateExamples = 8;

/// Calls `take(object)` for each line; `take` returns false to stop.
template <typename Take>
void for_each_line(const fs::path& path, const Take& take) {
  std::ifstream file(path);
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const bool is_last = file.eof();
    const json content = json::parse(line, nullptr, false);
    if (!content.is_object() && (is_last || line.empty())) continue;
    require(content.is_object(), ErrorCode::kData,
            "line " + std::to_string(number) + ": is not a JSON object");
    if (!take(content)) return;
  }
}

MetricsData read_metrics(const fs::path& path) {
  MetricsData data;
  for_each_line(path, [&](const json& line) {
    const double step = line.value("step", 0.0);
    for (const auto& [name, value] : line.items()) {
      if (name == "step" || !value.is_number()) continue;
      data.series[name].emplace_back(step, value.get<double>());
    }
    return true;
  });
  return data;
}

YieldData read_yield(const json& manifest) {
  const json& rows = manifest.at("rows");
  YieldData data;
  data.rows_in = rows.at("in").get<std::uint64_t>();
  data.rows_out = rows.at("out").get<std::uint64_t>();
  data.rows_quarantined = rows.value("quarantined", std::uint64_t{0});
  data.filtered = rows.value("filtered", std::map<std::string, std::uint64_t>{});
  return data;
}

GateExample read_gate_example(const json& line) {
  GateExample example;
  example.tokens = line.at("tokens").get<std::vector<std::string>>();
  example.alpha = line.at("alpha").get<std::vector<std::vector<double>>>();
  example.beta = line.at("beta").get<std::vector<std::vector<double>>>();
  const auto fits = [&](const std::vector<double>& layer) {
    return layer.size() == example.tokens.size();
  };
  require(example.alpha.size() == example.beta.size() &&
              std::all_of(example.alpha.begin(), example.alpha.end(), fits) &&
              std::all_of(example.beta.begin(), example.beta.end(), fits),
          ErrorCode::kData, "alpha and beta must be [layer][token]");
  return example;
}

void read_file(const fs::path& path, const std::string& relative, RunData& run) {
  const std::string file = path.filename().string();
  if (file.ends_with(".summary.json")) {
    run.evaluations.push_back(parse_evaluation(read_whole_file(path)));
    run.evaluations.back().name = relative;
  } else if (file == "metrics.jsonl") {
    run.metrics.push_back(read_metrics(path));
    run.metrics.back().name = fs::path(relative).parent_path().string();
  } else if (file == "manifest.json") {
    const json manifest = json::parse(read_whole_file(path));
    if (!manifest.contains("rows")) return;
    run.yields.push_back(read_yield(manifest));
    run.yields.back().name = fs::path(relative).parent_path().string();
  } else if (file == "stages.json") {
    const json content = json::parse(read_whole_file(path));
    for (const json& stage : content.at("stages")) {
      run.stages.push_back({stage.at("name"), stage.at("done_seconds"), stage.at("busy_seconds"),
                            stage.at("busy_share")});
    }
  } else if (file == "gates.jsonl") {
    for_each_line(path, [&](const json& line) {
      run.gates.push_back(read_gate_example(line));
      return run.gates.size() < kMaxGateExamples;
    });
  }
}

}  // namespace

RunData read_run(const std::string& name, const std::string& folder) {
  require(fs::is_directory(folder), ErrorCode::kConfig, folder + ": is not a folder");
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  RunData run;
  run.name = name;
  for (const fs::path& path : paths) {
    try {
      read_file(path, fs::relative(path, folder).string(), run);
    } catch (const json::exception& error) {
      throw Error(ErrorCode::kData, path.string() + ": " + error.what());
    } catch (const Error& error) {
      throw Error(error.code(), path.string() + ": " + error.what());
    }
  }
  require(!run.is_empty(), ErrorCode::kConfig,
          folder + ": holds no *.summary.json, metrics.jsonl, manifest.json or gates.jsonl");
  return run;
}

}  // namespace midpo
