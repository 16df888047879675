// SPDX-License-Identifier: Apache-2.0
// The gates of a mixture as a router directory: router.safetensors and router_config.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/safetensors_writer.h"
#include "runtime/core/atomic_folder.h"

namespace midpo {

struct RouterToWrite {
  std::int64_t num_layers = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t gate_width = 0;
  double lora_scale = 0.0;  ///< of both experts
  /// Content hashes in hex, so that a router is not used with what it was not trained on.
  std::string base_model_hash;
  std::string safety_adapter_hash;
  std::string helpfulness_adapter_hash;
  /// Mean gates by layer over the training data; empty where unknown. For merging the mixture
  /// with constant gates.
  std::vector<double> mean_alpha;
  std::vector<double> mean_beta;
  std::vector<TensorToWrite> tensors;  ///< those of router_tensors()
};

/// layers.{i}.alpha.{0,1,2}.{weight,bias}, then the same of beta: three affine maps a gate,
/// I -> G -> I -> 1, in PyTorch's layout [out, in].
std::vector<ExpectedTensor> router_tensors(std::int64_t num_layers, std::int64_t intermediate_size,
                                           std::int64_t gate_width);

/// All or nothing. @throws Error kStorage; kConfig where the folder holds what may not be replaced;
/// kInternal where the tensors are not those of router_tensors().
void write_router(const std::string& dir, const RouterToWrite& router,
                  ExistingFolder existing = ExistingFolder::kReplaceOwn);

}  // namespace midpo
