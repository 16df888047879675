// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/end_tokens.h"

#include <filesystem>
#include <limits>
#include <system_error>

#include "models/checkpoint/strict_json.h"

namespace midpo {
namespace {

constexpr const char* kKey = "eos_token_id";

/// Negative ids stand for "none" in some conversions.
void add_token(const ConfigObject& config, std::vector<std::int32_t>& tokens) {
  const std::int64_t id = config.integer(kKey, -1, std::numeric_limits<std::int32_t>::max());
  if (id >= 0) tokens.push_back(static_cast<std::int32_t>(id));
}

std::vector<std::int32_t> tokens_of(const std::string& path) {
  const nlohmann::json parsed = parse_strict_json(read_small_file(path), path);
  const ConfigObject config(parsed, path);
  std::vector<std::int32_t> tokens;
  const nlohmann::json* const value = config.find(kKey);
  if (value == nullptr) return tokens;
  if (!value->is_array()) {
    add_token(config, tokens);
    return tokens;
  }
  for (const nlohmann::json& item : *value) {
    const nlohmann::json one = {{kKey, item}};
    add_token(ConfigObject(one, path), tokens);
  }
  return tokens;
}

}  // namespace

std::vector<std::int32_t> end_tokens(const std::string& model_dir, const ModelConfig& config) {
  const std::string generation = model_dir + "/generation_config.json";
  std::error_code ignored;
  std::vector<std::int32_t> tokens;
  if (std::filesystem::exists(generation, ignored)) tokens = tokens_of(generation);
  if (tokens.empty()) tokens = tokens_of(model_dir + "/config.json");
  if (tokens.empty() && config.eos_token_id) tokens = {*config.eos_token_id};
  return tokens;
}

}  // namespace midpo
