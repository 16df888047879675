// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/evaluation_data.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using Json = nlohmann::ordered_json;

Json estimate_json(const Estimate& estimate) {
  return {{"mean", estimate.mean},
          {"low", estimate.low},
          {"high", estimate.high},
          {"count", estimate.count}};
}

Json estimates_json(const Estimates& estimates) {
  Json object = Json::object();
  for (const auto& [name, estimate] : estimates) object[name] = estimate_json(estimate);
  return object;
}

Estimate parse_estimate(const Json& json) {
  return {json.at("mean").get<double>(), json.at("low").get<double>(),
          json.at("high").get<double>(), json.at("count").get<std::uint64_t>()};
}

Estimates parse_estimates(const Json& json) {
  Estimates estimates;
  for (const auto& [name, value] : json.items()) estimates[name] = parse_estimate(value);
  return estimates;
}

Json against_json(const EvaluationData& data) {
  Json axes = Json::object();
  for (const auto& [name, tally] : data.against) {
    axes[name] = {{"wins", tally.wins},
                  {"ties", tally.ties},
                  {"losses", tally.losses},
                  {"win_rate", estimate_json(win_rate(tally))}};
  }
  return {{"file", data.against_file}, {"axes", axes}};
}

}  // namespace

void count_outcome(Tally& tally, double advantage) {
  if (advantage > 0.0)
    ++tally.wins;
  else if (advantage < 0.0)
    ++tally.losses;
  else
    ++tally.ties;
}

Estimate win_rate(const Tally& tally) {
  std::vector<double> points(tally.wins, 1.0);
  points.insert(points.end(), tally.ties, 0.5);
  points.insert(points.end(), tally.losses, 0.0);
  return estimate_of(points);
}

Estimate estimate_of(std::span<const double> values) {
  const auto is_share = [](double value) { return value == 0.0 || value == 1.0; };
  if (!std::all_of(values.begin(), values.end(), is_share)) return mean_estimate(values);
  const auto hits = std::count(values.begin(), values.end(), 1.0);
  return share_estimate(static_cast<std::uint64_t>(hits), values.size());
}

std::string evaluation_json(const EvaluationData& data) {
  Json json = {{"all", estimates_json(data.all)}};
  Json kinds = Json::object();
  for (const auto& [kind, estimates] : data.by_kind) kinds[kind] = estimates_json(estimates);
  json["by_kind"] = kinds;
  if (!data.against.empty()) json["against"] = against_json(data);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

EvaluationData parse_evaluation(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    EvaluationData data;
    data.all = parse_estimates(json.at("all"));
    for (const auto& [kind, estimates] : json.at("by_kind").items()) {
      data.by_kind[kind] = parse_estimates(estimates);
    }
    if (!json.contains("against")) return data;
    data.against_file = json.at("against").at("file").get<std::string>();
    for (const auto& [axis, tally] : json.at("against").at("axes").items()) {
      data.against[axis] = {tally.at("wins").get<std::uint64_t>(),
                            tally.at("ties").get<std::uint64_t>(),
                            tally.at("losses").get<std::uint64_t>()};
    }
    return data;
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kData,
                std::string("is not a summary of midpo evaluate: ") + error.what());
  }
}

}  // namespace midpo
