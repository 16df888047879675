// SPDX-License-Identifier: Apache-2.0
// A LoRA adapter as a PEFT directory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/core/atomic_folder.h"

namespace midpo {

/// The two factors of one adapted projection; fp32 on the host, read during the call only.
struct LoraToWrite {
  std::string module;  ///< as HF names it: "model.layers.3.mlp.down_proj"
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
  const float* a = nullptr;  ///< [rank, in_features]
  const float* b = nullptr;  ///< [out_features, rank]
};

struct AdapterToWrite {
  std::string base_model;  ///< path or name of what it was trained on
  std::int64_t rank = 0;
  double alpha = 0.0;
  std::vector<std::string> target_modules;  ///< last parts of module names: {"down_proj"}
  std::vector<LoraToWrite> factors;
};

/// Writes adapter_config.json, adapter_model.safetensors and README.md; all or nothing. The config
/// holds only keys that every release of PEFT since 0.10 knows: older ones refuse unknown keys.
/// @throws Error kStorage; kConfig where the folder holds what may not be replaced.
void write_adapter(const std::string& dir, const AdapterToWrite& adapter,
                   ExistingFolder existing = ExistingFolder::kReplaceOwn);

}  // namespace midpo
