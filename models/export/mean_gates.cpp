// SPDX-License-Identifier: Apache-2.0
#include "models/export/mean_gates.h"

#include "models/checkpoint/strict_json.h"

namespace midpo {
namespace {

std::vector<double> read_gates(const ConfigObject& config, const std::string& key) {
  const nlohmann::json* const list = config.find(key);
  if (list == nullptr) return {};
  const char* const wanted = "wanted a list of numbers from 0 to 1";
  if (!list->is_array()) config.refuse(key, wanted);
  std::vector<double> gates;
  for (const nlohmann::json& gate : *list) {
    if (!gate.is_number()) config.refuse(key, wanted);
    gates.push_back(gate.get<double>());
    if (!(gates.back() >= 0.0 && gates.back() <= 1.0)) config.refuse(key, wanted);
  }
  return gates;
}

}  // namespace

MeanGates read_mean_gates(const std::string& router_dir) {
  const std::string path = router_dir + "/router_config.json";
  const nlohmann::json parsed = parse_strict_json(read_small_file(path), path);
  const ConfigObject config(parsed, path);
  return {read_gates(config, "mean_alpha"), read_gates(config, "mean_beta")};
}

}  // namespace midpo
