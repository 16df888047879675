// SPDX-License-Identifier: Apache-2.0
#include "models/training/lora_factors.h"

#include "models/checkpoint/model_hash.h"
#include "models/checkpoint/strict_json.h"
#include "runtime/core/error.h"

namespace midpo {

Adapter open_trained_adapter(const std::string& path, bool allow_pickle) {
  Adapter adapter;
  adapter.path = path;
  adapter.config = load_adapter_config(path, allow_pickle);
  adapter.files = open_weight_file(adapter.config.weights_path, allow_pickle);
  return adapter;
}

std::string adapter_hash(const Adapter& adapter) {
  return hash_model(*adapter.files, read_small_file(adapter.path + "/adapter_config.json")).hex();
}

LoraFactors read_lora_factors(const Adapter& adapter, const std::string& module,
                              at::Device device) {
  WeightReader reader(*adapter.files, {}, DType::kFloat32, device);
  for (const LoraTarget& target : adapter.config.targets) {
    if (target.module != module) continue;
    return {reader.read(target.a_tensor), reader.read(target.b_tensor), target.scale};
  }
  throw Error(ErrorCode::kCheckpoint, adapter.config.weights_path + ": no adapter of " + module +
                                          "; was it trained on another base model or with other "
                                          "target modules?");
}

}  // namespace midpo
