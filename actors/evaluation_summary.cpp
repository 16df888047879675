// SPDX-License-Identifier: Apache-2.0
// Evaluated responses as means and as lines.
#include <numeric>

#include "actors/evaluation.h"
#include "runtime/core/json_text.h"
#include "runtime/data/row_json.h"

namespace midpo {
namespace {

Estimates estimate_rows(const std::vector<const EvaluatedResponse*>& responses) {
  std::map<std::string, std::map<std::uint64_t, std::vector<double>>> by_row;
  for (const EvaluatedResponse* response : responses) {
    for (const auto& [name, value] : response->numbers) {
      by_row[name][response->row].push_back(value);
    }
  }
  Estimates estimates;
  for (const auto& [name, rows] : by_row) {
    std::vector<double> means;
    for (const auto& [row, values] : rows) {
      means.push_back(std::accumulate(values.begin(), values.end(), 0.0) /
                      static_cast<double>(values.size()));
    }
    estimates[name] = estimate_of(means);
  }
  return estimates;
}

}  // namespace

EvaluationData summarise(const ResponseList& responses) {
  EvaluationData data;
  std::vector<const EvaluatedResponse*> all;
  std::map<std::string, std::vector<const EvaluatedResponse*>> kinds;
  for (const EvaluatedResponse& response : responses) {
    all.push_back(&response);
    if (!response.kind.empty()) kinds[response.kind].push_back(&response);
  }
  data.all = estimate_rows(all);
  for (const auto& [kind, members] : kinds) data.by_kind[kind] = estimate_rows(members);
  return data;
}

std::string response_lines(const ResponseList& responses) {
  std::string lines;
  for (const EvaluatedResponse& response : responses) {
    lines += "{\"row\":" + std::to_string(response.row) +
             ",\"sample\":" + std::to_string(response.sample) +
             ",\"prompt\":" + json_string(response.prompt) +
             ",\"response\":" + json_string(response.response);
    if (!response.kind.empty()) lines += ",\"kind\":" + json_string(response.kind);
    for (const auto& [name, value] : response.numbers) {
      lines += "," + json_string(name) + ":" + json_number(value);
    }
    lines += "}\n";
  }
  return lines;
}

}  // namespace midpo
