// SPDX-License-Identifier: Apache-2.0
#include "actors/rank_plan.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "actors/model_options.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using nlohmann::json;

constexpr std::uint64_t kSampleBytes = 64 << 10;

/// Hash of a file's first and last bytes: with size and time of change, enough to notice another
/// file, at no cost.
std::string content_sample(const InputFile& input) {
  std::ifstream file(input.path, std::ios::binary);
  std::string bytes(static_cast<std::size_t>(std::min(input.size_bytes, kSampleBytes)), '\0');
  ContentHasher hasher;
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  hasher.update(bytes);
  file.seekg(static_cast<std::streamoff>(input.size_bytes - bytes.size()));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  hasher.update(bytes);
  if (!file) throw Error(ErrorCode::kData, input.path + ": cannot be read");
  return hasher.digest().hex();
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
    files.push_back({{"size", input.size_bytes},
                     {"modified_ns", input.mtime_ns},
                     {"sample", content_sample(input)}});
  }
  return files;
}

std::string plan_json(const RankJob& job, const std::vector<InputFile>& inputs,
                      const std::string& template_name, const std::string& policy_name) {
  json outputs = json::array();
  for (const std::string& path : ordered_outputs(job)) {
    outputs.push_back(std::filesystem::absolute(path).lexically_normal().string());
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

void check_same_plan(const std::string& recorded, const std::string& current) {
  const json before = json::parse(recorded);
  const json now = json::parse(current);
  std::string differences;
  for (const auto& [key, value] : now.items()) {
    const auto found = before.find(key);
    if (found != before.end() && *found == value) continue;
    differences += "\n  " + key + " was " + (found == before.end() ? "absent" : found->dump()) +
                   ", is " + value.dump();
  }
  require(differences.empty(), ErrorCode::kConfig,
          "this run began under another plan and cannot be resumed under this one:" + differences +
              "\ngive the first run's options again, or start anew in another --run-dir");
}

std::string model_identity(const JobModel& model) {
  const ModelInfo& info = model.replicas.front()->info();
  return std::string(model.role == Role::kReference ? "log_prob" : "score") + "/" +
         info.content.hex() + "/" + std::string(dtype_name(info.dtype)) + "/" + info.numerics;
}

}  // namespace midpo
