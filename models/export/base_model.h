// SPDX-License-Identifier: Apache-2.0
// The language model that an export starts from, opened and checked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/checkpoint/adapter_config.h"
#include "models/checkpoint/model_config.h"
#include "models/checkpoint/safetensors_writer.h"
#include "models/checkpoint/weight_files.h"

namespace midpo {

struct BaseModel {
  std::string dir;
  ModelConfig config;
  std::unique_ptr<WeightFiles> files;

  /// Its tensors, as stored, in the order of expected_tensors(); what loading would ignore is left
  /// out.
  std::vector<TensorToWrite> tensors() const;
};

/// @throws Error(kCheckpoint) for anything but a complete language model.
BaseModel open_base_model(const std::string& dir, bool allow_pickle);

/// A LoRA adapter whose every projection was found in the base model, in the right shape.
struct OpenedAdapter {
  AdapterConfig config;
  std::unique_ptr<WeightFiles> files;

  /// The adapter's update of a module, or null.
  const LoraTarget* find(const std::string& module) const;
};

/// @throws Error(kCheckpoint) naming what does not fit: trained on another base, or on a head that
/// is tied to the embeddings.
OpenedAdapter open_adapter_of(const BaseModel& base, const std::string& dir, bool allow_pickle);

}  // namespace midpo
