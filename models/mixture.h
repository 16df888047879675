// SPDX-License-Identifier: Apache-2.0
// Which adapters a model's options name, and how much of each counts.
#pragma once

#include <string>
#include <vector>

#include "models/checkpoint/model_config.h"
#include "models/checkpoint/weight_files.h"
#include "models/engines.h"
#include "models/weights.h"

namespace midpo {

/// A PEFT directory, opened. @throws Error(kCheckpoint), also where it adapts what the base lacks.
Adapter open_adapter(const std::string& path, bool allow_pickle, const WeightFiles& base);

/// Content hash of config and weights, in hex: what a router remembers of its experts.
std::string adapter_hash(const Adapter& adapter);

/// The adapters beside a base model, opened and checked against it, and what names them all.
struct OpenedAdapters {
  std::vector<Adapter> adapters;  ///< none, one, or safety and helpfulness
  std::string identity;           ///< of adapters, router and weights: part of ModelInfo::content
};

/// @param base_hash  hash_model() of the base, in hex.
/// @throws Error kConfig for options that do not go together; kCheckpoint for an adapter or router
///   of another base or of other experts, or an expert that adapts what no gate weighs.
OpenedAdapters open_adapters(const ModelOptions& options, const ModelConfig& config,
                             const WeightFiles& base, const std::string& base_hash);

}  // namespace midpo
