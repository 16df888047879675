// SPDX-License-Identifier: Apache-2.0
#include "models/training/lora_factors.h"

#include "runtime/core/error.h"

namespace midpo {

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
