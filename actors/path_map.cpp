// SPDX-License-Identifier: Apache-2.0
#include "actors/path_map.h"

#include "runtime/core/error.h"

namespace midpo {
namespace {

bool is_prefix(const std::string& folder, const std::string& path) {
  return path == folder || path.starts_with(folder.ends_with('/') ? folder : folder + "/");
}

}  // namespace

PathMap::PathMap(const std::vector<std::string>& entries) {
  for (const std::string& text : entries) {
    const std::size_t equals = text.find('=');
    const bool is_mapping = equals != std::string::npos && equals > 0 && equals + 1 < text.size();
    require(
        is_mapping, ErrorCode::kConfig,
        "model_map is '" + text + "', must be FROM=TO: the coordinator's path, and this host's");
    mappings_.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
}

std::string PathMap::local(const std::string& path) const {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& mapping : mappings_) {
    if (!is_prefix(mapping.first, path)) continue;
    if (best == nullptr || mapping.first.size() > best->first.size()) best = &mapping;
  }
  return best == nullptr ? path : best->second + path.substr(best->first.size());
}

std::vector<std::string> PathMap::entries() const {
  std::vector<std::string> texts;
  for (const auto& [from, to] : mappings_) texts.push_back(from + "=" + to);
  return texts;
}

void add_path_map_option(OptionTable& table, std::vector<std::string>& entries) {
  table.text_list("model_map", &entries, "FROM=TO",
                  "A model that the job has in FROM is in TO here (folders above it, too)");
}

}  // namespace midpo
