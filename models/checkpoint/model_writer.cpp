// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_writer.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/strict_json.h"
#include "runtime/core/atomic_file.h"

namespace midpo {
namespace {

/// What makes up a tokenizer, in any release of transformers, and how to sample by default.
constexpr const char* kCopiedFiles[] = {"tokenizer.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "generation_config.json"};

void copy_companions(const std::string& source_dir, const AtomicFolder& folder) {
  for (const char* name : kCopiedFiles) {
    const std::string source = source_dir + "/" + name;
    std::error_code ignored;
    if (!std::filesystem::exists(source, ignored)) continue;
    write_file_atomically(folder.file(name), read_small_file(source));
  }
}

/// That of the embeddings: norms, heads and adapters may be kept wider.
std::string dtype_of(const std::vector<TensorToWrite>& tensors) {
  StoredType type = StoredType::kFloat32;
  for (const TensorToWrite& tensor : tensors) {
    if (tensor.name.ends_with("embed_tokens.weight")) type = tensor.type;
  }
  switch (type) {
    case StoredType::kBFloat16:
      return "bfloat16";
    case StoredType::kFloat16:
      return "float16";
    case StoredType::kFloat64:
      return "float64";
    default:
      return "float32";
  }
}

/// transformers 4 reads torch_dtype, 5 reads both and writes dtype.
void set_dtype(nlohmann::json& config, const std::string& dtype) {
  if (config.contains("dtype")) config["dtype"] = dtype;
  if (config.contains("torch_dtype") || !config.contains("dtype")) config["torch_dtype"] = dtype;
}

nlohmann::json changed_config(const ModelToWrite& model) {
  const std::string path = model.source_dir + "/config.json";
  nlohmann::json config = parse_strict_json(read_small_file(path), path);
  config.update(nlohmann::json::parse(model.config_changes));
  set_dtype(config, dtype_of(model.tensors));
  return config;
}

/// A defect of ours must not become a directory that nothing loads.
void require_complete(const ModelToWrite& model, const std::string& dir) {
  const ModelConfig config = parse_model_config(changed_config(model).dump(), dir + "/config.json");
  std::map<std::string, const TensorToWrite*> found;
  for (const TensorToWrite& tensor : model.tensors) found[tensor.name] = &tensor;
  for (const ExpectedTensor& expected : expected_tensors(config)) {
    const auto at = found.find(expected.name);
    if (at == found.end() && expected.is_optional) continue;
    require(at != found.end(), ErrorCode::kInternal,
            dir + ": weights to write lack tensor " + quote_name(expected.name));
    require(at->second->shape == expected.shape, ErrorCode::kInternal,
            dir + ": tensor " + quote_name(expected.name) + " to write has shape " +
                shape_text(at->second->shape) + ", wanted " + shape_text(expected.shape));
  }
}

/// "Llama" of LlamaForCausalLM, LlamaModel, LlamaForScore, LlamaModelForScore and
/// LlamaForSequenceClassification.
std::string family_of(const std::string& architecture) {
  for (const std::string_view ending :
       {"ForCausalLM", "ModelForScore", "ForScore", "ForSequenceClassification", "Model"}) {
    if (architecture.ends_with(ending)) {
      return architecture.substr(0, architecture.size() - ending.size());
    }
  }
  return architecture;
}

std::string score_config(const ScoreModelToWrite& model) {
  const ScoreHeadConfig& head = model.head;
  const ModelConfig source = load_model_config(model.source_dir);
  nlohmann::json changes = {{"architectures", {family_of(source.architecture) + "ForScore"}},
                            {"score_type", head.score_type},
                            {"score_dim", head.score_dim},
                            {"score_bias", head.has_bias},
                            {"do_normalize", head.do_normalize},
                            {"normalizer_type", nullptr}};
  if (!head.normalizer_type.empty()) changes["normalizer_type"] = head.normalizer_type;
  if (!head.normalize_function.empty()) changes["normalize_function"] = head.normalize_function;
  if (head.normalizer_type == "ExponentialMovingAverage") changes["momentum"] = head.momentum;
  return changes.dump();
}

}  // namespace

void write_model_files(const AtomicFolder& folder, const ModelToWrite& model) {
  write_safetensors_sharded(folder.temporary_path(), model.tensors);
  write_file_atomically(folder.file("config.json"), changed_config(model).dump(2) + "\n");
  copy_companions(model.source_dir, folder);
}

void write_model(const std::string& dir, const ModelToWrite& model, ExistingFolder existing) {
  require_complete(model, dir);
  AtomicFolder folder(dir, existing);
  write_model_files(folder, model);
  folder.publish();
}

void write_score_model(const std::string& dir, const ScoreModelToWrite& model,
                       ExistingFolder existing) {
  ModelToWrite files{model.source_dir, model.tensors, score_config(model)};
  files.tensors.push_back({"normalizer.mean", StoredType::kFloat32, {1}, &model.normalizer_mean});
  files.tensors.push_back(
      {"normalizer.var", StoredType::kFloat32, {1}, &model.normalizer_variance});
  files.tensors.push_back({"normalizer.count", StoredType::kInt64, {1}, &model.normalizer_count});
  write_model(dir, files, existing);
}

}  // namespace midpo
