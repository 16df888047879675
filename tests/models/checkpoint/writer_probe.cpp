// SPDX-License-Identifier: Apache-2.0
// Reads a path and writes it again with our writers, for the parity tests.
//   writer_probe tensors SOURCE FOLDER MAX_SHARD_BYTES
//   writer_probe model|score|adapter SOURCE FOLDER
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

#include "models/checkpoint/adapter_config.h"
#include "models/checkpoint/adapter_writer.h"
#include "models/checkpoint/model_writer.h"
#include "models/checkpoint/weight_files.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

std::vector<TensorToWrite> copies_of(const WeightFiles& weights) {
  std::vector<TensorToWrite> tensors;
  for (const StoredTensor& tensor : weights.tensors()) tensors.push_back(copy_of(tensor));
  return tensors;
}

void write_tensors(const std::string& source, const std::string& folder,
                   std::uint64_t max_shard_bytes) {
  const auto weights = open_weight_file(source, false);
  write_safetensors_sharded(folder, copies_of(*weights), kPyTorchFormat, max_shard_bytes);
}

void write_same_model(const std::string& source, const std::string& folder) {
  const auto weights = open_model_weights(source, false);
  write_model(folder, {source, copies_of(*weights)});
}

/// A score model with its normalizer switched on: mean 0.5, variance 4.
void write_normalised_score_model(const std::string& source, const std::string& folder) {
  const auto weights = open_model_weights(source, false);
  ScoreModelToWrite model;
  model.source_dir = source;
  model.tensors = copies_of(*weights);
  model.head = *load_model_config(source).score_head;
  model.head.do_normalize = true;
  model.head.normalizer_type = "ExponentialMovingAverage";
  model.normalizer_mean = 0.5F;
  model.normalizer_variance = 4.0F;
  write_score_model(folder, model);
}

void write_same_adapter(const std::string& source, const std::string& folder) {
  const AdapterConfig config = load_adapter_config(source, false);
  const auto weights = open_weight_file(config.weights_path, false);
  AdapterToWrite adapter{
      config.base_model_name, config.rank, config.alpha, config.target_modules, {}};
  for (const LoraTarget& target : config.targets) {
    const StoredTensor& a = weights->require_tensor(target.a_tensor);
    const StoredTensor& b = weights->require_tensor(target.b_tensor);
    adapter.factors.push_back({target.module, a.shape[1], b.shape[0],
                               reinterpret_cast<const float*>(a.data),
                               reinterpret_cast<const float*>(b.data)});
  }
  write_adapter(folder, adapter);
}

int run(const std::vector<std::string>& words) {
  const std::map<std::string, void (*)(const std::string&, const std::string&)> kinds = {
      {"model", write_same_model},
      {"score", write_normalised_score_model},
      {"adapter", write_same_adapter}};
  if (words.size() == 4 && words[0] == "tensors") {
    write_tensors(words[1], words[2], std::strtoull(words[3].c_str(), nullptr, 10));
    return 0;
  }
  if (words.size() != 3 || !kinds.contains(words[0])) {
    std::cerr << "usage: writer_probe tensors|model|score|adapter SOURCE FOLDER [BYTES]\n";
    return 2;
  }
  kinds.at(words[0])(words[1], words[2]);
  return 0;
}

}  // namespace
}  // namespace midpo

int main(int argc, char** argv) {
  try {
    return midpo::run({argv + 1, argv + argc});
  } catch (const midpo::Error& error) {
    std::cerr << error.what() << '\n';
    return midpo::exit_status(error.code());
  }
}
