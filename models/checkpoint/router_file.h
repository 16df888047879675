// SPDX-License-Identifier: Apache-2.0
// The gates of the mixture on disk: a router directory of ours, or a published router.pth.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/checkpoint/weight_files.h"

namespace midpo {

/// Names of the tensors of a gate's three affine maps, in the order they are applied:
/// I -> G -> I -> 1. Weights are [outputs, inputs], biases [outputs].
struct GateTensors {
  std::array<std::string, 3> weights;
  std::array<std::string, 3> biases;
};

struct RouterLayer {
  GateTensors alpha;  ///< how much of the safety expert
  GateTensors beta;   ///< how much of the helpfulness expert
};

/// router_config.json; of a published router.pth only the sizes are known.
struct RouterConfig {
  std::int64_t num_layers = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t gate_width = 0;
  /// hash_model() of what the gates were trained on; empty: not recorded.
  std::string base_model_hash, safety_adapter_hash, helpfulness_adapter_hash;
  std::optional<double> lora_scale;
};

/// A router whose names and shapes were checked. The file stays open; its tensors' values are not
/// read yet.
struct RouterFile {
  RouterConfig config;
  std::string weights_path;
  std::string config_text;  ///< router_config.json, or empty
  std::unique_ptr<WeightFiles> files;
  std::vector<RouterLayer> layers;
};

/// @param path a folder with router.safetensors and router_config.json, one with router.pth, or a
///   router.pth itself. The latter is a torch.save of state dicts "layer_{i}_alpha" and
///   "layer_{i}_beta", each of three linear maps, taken in the natural order of their names.
/// @throws Error(kCheckpoint) naming the file: a layer without a gate, a wrong shape, a pickle
///   without allow_pickle.
RouterFile open_router(const std::string& path, bool allow_pickle);

}  // namespace midpo
