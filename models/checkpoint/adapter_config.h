// SPDX-License-Identifier: Apache-2.0
// A PEFT LoRA adapter directory: adapter_config.json and the names of its tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/checkpoint/weight_files.h"

namespace midpo {

/// One adapted projection: module path as HF names it ("model.layers.3.mlp.down_proj") and its
/// scale.
struct LoraTarget {
  std::string module;
  std::int64_t rank = 0;
  double scale = 0.0;    ///< alpha / rank, or alpha / sqrt(rank) with use_rslora
  std::string a_tensor;  ///< name of A [rank, in] in the weight file
  std::string b_tensor;  ///< name of B [out, rank]
};

struct AdapterConfig {
  std::string base_model_name;
  std::int64_t rank = 0;
  double alpha = 0.0;
  std::vector<std::string> target_modules;
  std::vector<LoraTarget> targets;  ///< every adapted module, sorted by name
  std::string weights_path;         ///< adapter_model.safetensors or .bin
};

/// Reads DIR/adapter_config.json and the names and shapes of DIR/adapter_model.*. Ranks and alphas
/// by module (rank_pattern, alpha_pattern) are honoured where their keys are names, not
/// expressions.
/// @throws Error(kCheckpoint) naming file, key and value: another peft_type, DoRA, modules_to_save,
///   bias other than none, a tensor without its twin, ...
AdapterConfig load_adapter_config(const std::string& adapter_dir, bool allow_pickle);

/// The same over weights that are already open.
AdapterConfig parse_adapter_config(const std::string& json_text, const std::string& where,
                                   const WeightFiles& weights);

/// @throws Error(kCheckpoint) naming adapter and module where the base has no such module, or one
/// of
///   another shape. @param base_name for the message.
void require_adapter_fits(const AdapterConfig& adapter, const WeightFiles& weights,
                          const WeightFiles& base, const std::string& base_name);

/// DIR/adapter_model.safetensors, else DIR/adapter_model.bin.
/// @throws Error(kCheckpoint) if neither is there, or only the latter without allow_pickle.
std::string find_adapter_weights(const std::string& adapter_dir, bool allow_pickle);

}  // namespace midpo
