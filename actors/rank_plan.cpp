// SPDX-License-Identifier: Apache-2.0
#include "actors/rank_plan.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "actors/model_options.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using nlohmann::json;

/// Of all of it: a run may be moved, or its data copied, and another file of the same size is seen.
std::string hash_of_file(const InputFile& input) {
  std::ifstream file(input.path, std::ios::binary);
  std::string bytes(1 << 20, '\0');
  ContentHasher hasher;
  std::uint64_t num_hashed = 0;
  while (file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())), file.gcount() > 0) {
    const auto count = static_cast<std::size_t>(file.gcount());
    hasher.update(std::string_view(bytes).substr(0, count));
    num_hashed += count;
  }
  require(num_hashed == input.size_bytes, ErrorCode::kData,
          input.path + ": " + std::to_string(num_hashed) + " of " +
              std::to_string(input.size_bytes) + " bytes could be read");
  return hasher.digest().hex();
}

/// `name was 1, is 2` for each value that differs, named by the keys that lead to it.
std::string differences(const std::string& name, const json& before, const json& now) {
  if (before == now) return "";
  if (!before.is_object() || !now.is_object()) {
    const auto text = [](const json& value) {
      return value.is_discarded() ? std::string("absent") : value.dump();
    };
    return "\n  " + name + " was " + text(before) + ", is " + text(now);
  }
  std::set<std::string> keys;
  for (const json* entries : {&before, &now}) {
    for (const auto& [key, value] : entries->items()) keys.insert(key);
  }
  const json absent(json::value_t::discarded);
  std::string lines;
  for (const std::string& key : keys) {
    lines += differences(name.empty() ? key : name + "." + key,
                         before.contains(key) ? before[key] : absent,
                         now.contains(key) ? now[key] : absent);
  }
  return lines;
}

json model_entries(const RankJob& job) {
  json models = json::object();
  for (const JobModel& model : job.models) {
    models[std::string(role_name(model.role))] = model_identity(model);
  }
  return models;
}

json tokenizer_entries(const RankJob& job) {
  json tokenizers = json::array();
  for (const auto& prompt_template : job.templates) {
    tokenizers.push_back(prompt_template ? json(prompt_template->tokenizer().content().hex())
                                         : json());
  }
  return tokenizers;
}

}  // namespace

json input_entries(const std::vector<InputFile>& inputs) {
  json files = json::array();
  for (const InputFile& input : inputs) {
    files.push_back({{"size", input.size_bytes}, {"content", hash_of_file(input)}});
  }
  return files;
}

std::string path_from(const std::string& folder, const std::string& path) {
  const auto whole = [](const std::string& text) {
    return std::filesystem::absolute(text).lexically_normal();
  };
  return whole(path).lexically_relative(whole(folder)).string();
}

std::string plan_json(const RankJob& job, const std::string& run_dir,
                      const std::vector<InputFile>& inputs, const std::string& template_name,
                      const std::string& policy_name) {
  json outputs = json::array();
  for (const std::string& path : ordered_outputs(job)) {
    outputs.push_back(path_from(run_dir, path));
  }
  const json plan{{"plan_version", 1},
                  {"data", input_entries(inputs)},
                  {"models", model_entries(job)},
                  {"tokenizers", tokenizer_entries(job)},
                  {"template", template_name},
                  {"policy", policy_name},
                  {"max_length", job.max_length},
                  {"tile_tokens", job.tile_tokens},
                  {"block_rows", job.block_rows},
                  {"on_bad_row", job.on_bad_row == BadRowPolicy::kFail ? "fail" : "quarantine"},
                  {"outputs", outputs}};
  return plan.dump();
}

void check_same_plan(const std::string& recorded, const std::string& current,
                     const std::string& advice) {
  const json before = json::parse(recorded);
  const json now = json::parse(current);
  require(before == now, ErrorCode::kConfig,
          "this run began under another plan and cannot be resumed under this one:" +
              differences("", before, now) + "\ngive the first run's options again, or " + advice);
}

std::string model_identity(const JobModel& model) {
  const ModelInfo& info = model.replicas.front()->info();
  return std::string(model.role == Role::kReference ? "log_prob" : "score") + "/" +
         info.content.hex() + "/" + std::string(dtype_name(info.dtype)) + "/" + info.numerics;
}

}  // namespace midpo
