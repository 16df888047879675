// SPDX-License-Identifier: Apache-2.0
#include "models/mixture.h"

#include <ATen/ops/mv.h>

#include <array>
#include <cmath>
#include <utility>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/model_hash.h"
#include "models/checkpoint/router_file.h"
#include "models/checkpoint/strict_json.h"
#include "models/checkpoint/tied_head.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

void check_options(const ModelOptions& options) {
  const bool has_safety = !options.safety_adapter.empty();
  const bool has_router = !options.router_path.empty();
  require(has_safety == !options.helpfulness_adapter.empty(), ErrorCode::kConfig,
          "a mixture needs both --safety-adapter and --helpfulness-adapter");
  require(!has_safety || options.adapter_path.empty(), ErrorCode::kConfig,
          "--adapter and --safety-adapter are both given; a model is the base with one adapter, "
          "or the mixture of two");
  const bool has_weights = options.mixture_weights.has_value();
  require(
      !has_safety || has_router != has_weights, ErrorCode::kConfig,
      "a mixture needs either --router or --mixture, which says how much of each expert counts");
  require(has_safety || !(has_router || has_weights), ErrorCode::kConfig,
          "--router and --mixture need --safety-adapter and --helpfulness-adapter");
}

/// A gate's three maps as one, in double: w = W3 W2 W1, b = W3 (W2 b1 + b2) + b3.
Gate collapse(const WeightReader& reader, const GateTensors& tensors) {
  std::array<at::Tensor, 3> weights, biases;
  for (std::size_t i = 0; i < 3; ++i) {
    weights[i] = reader.read_float(tensors.weights[i]).to(at::kDouble);
    biases[i] = reader.read_float(tensors.biases[i]).to(at::kDouble);
  }
  at::Tensor last_I = weights[2].squeeze(0);
  at::Tensor weight_I = at::mv(weights[0].t(), at::mv(weights[1].t(), last_I));
  at::Tensor inner_I = at::mv(weights[1], biases[0]).add_(biases[1]);
  const double bias = last_I.mul(inner_I).sum().item<double>() + biases[2].item<double>();
  const Gate gate{weight_I.to(at::kFloat), static_cast<float>(bias)};
  require(std::isfinite(gate.weight_K.sum().item<float>()) && std::isfinite(gate.bias),
          ErrorCode::kCheckpoint,
          "the gate " + tensors.weights[0] + " is too large for fp32; its training diverged");
  return gate;
}

void check_same(const RouterFile& router, const std::string& what, const std::string& recorded,
                const std::string& found) {
  if (recorded.empty() || recorded == found) return;
  refuse_checkpoint(router.weights_path,
                    "its gates were trained with " + what + " " + recorded + ", this one is " +
                        found +
                        "; give the one it was trained with, or take the hash out of "
                        "router_config.json to use them together all the same");
}

void check_router(const RouterFile& router, const ModelConfig& config,
                  const std::array<const Adapter*, 2>& experts) {
  const RouterConfig& sizes = router.config;
  if (sizes.num_layers != config.num_layers ||
      sizes.intermediate_size != config.intermediate_size) {
    refuse_checkpoint(router.weights_path,
                      "has gates for " + std::to_string(sizes.num_layers) + " layers of " +
                          std::to_string(sizes.intermediate_size) + " features, the model has " +
                          std::to_string(config.num_layers) + " of " +
                          std::to_string(config.intermediate_size));
  }
  for (const Adapter* expert : experts) {
    for (const LoraTarget& target : expert->config.targets) {
      if (!target.module.ends_with(".mlp.down_proj")) {
        refuse_checkpoint(expert->path, "adapts " + target.module +
                                            "; the gates weigh mlp.down_proj only, use --mixture "
                                            "with fixed weights for such experts");
      }
      if (sizes.lora_scale && std::abs(*sizes.lora_scale - target.scale) > 1e-6 * target.scale) {
        refuse_checkpoint(expert->path,
                          "its scale at " + target.module + " is " + std::to_string(target.scale) +
                              ", the gates were trained with " + std::to_string(*sizes.lora_scale));
      }
    }
  }
}

/// Collapses the gates into both experts. @return the router's identity.
std::string add_gates(const ModelOptions& options, const ModelConfig& config,
                      const std::string& base_hash, Adapter& safety, Adapter& helpfulness) {
  const RouterFile router = open_router(options.router_path, options.allow_pickle);
  check_router(router, config, {&safety, &helpfulness});
  check_same(router, "base model", router.config.base_model_hash, base_hash);
  check_same(router, "safety adapter", router.config.safety_adapter_hash, adapter_hash(safety));
  check_same(router, "helpfulness adapter", router.config.helpfulness_adapter_hash,
             adapter_hash(helpfulness));
  const WeightReader reader(*router.files, {}, DType::kFloat32, at::kCPU);
  for (const RouterLayer& layer : router.layers) {
    safety.gates.push_back(collapse(reader, layer.alpha));
    helpfulness.gates.push_back(collapse(reader, layer.beta));
  }
  const std::string identity = hash_model(*router.files, "").hex();
  router.files->check_unchanged();
  return identity;
}

}  // namespace

Adapter open_adapter(const std::string& path, bool allow_pickle, const WeightFiles& base) {
  Adapter adapter;
  adapter.path = path;
  adapter.config = load_adapter_config(path, allow_pickle);
  adapter.files = open_weight_file(adapter.config.weights_path, allow_pickle);
  require_adapter_fits(adapter.config, *adapter.files, base, "the base model");
  return adapter;
}

std::string adapter_hash(const Adapter& adapter) {
  return hash_model(*adapter.files, read_small_file(adapter.path + "/adapter_config.json")).hex();
}

OpenedAdapters open_adapters(const ModelOptions& options, const ModelConfig& config,
                             const WeightFiles& base, const std::string& base_hash) {
  check_options(options);
  OpenedAdapters opened;
  for (const std::string& path :
       {options.adapter_path, options.safety_adapter, options.helpfulness_adapter}) {
    if (path.empty()) continue;
    opened.adapters.push_back(open_adapter(path, options.allow_pickle, base));
    require_free_head(opened.adapters.back().config, config, options.path);
    opened.identity += adapter_hash(opened.adapters.back());
  }
  if (options.mixture_weights) {
    for (std::size_t i = 0; i < 2; ++i) {
      opened.adapters[i].weight = (*options.mixture_weights)[i];
      opened.identity += " " + std::to_string(opened.adapters[i].weight);
    }
  } else if (!options.router_path.empty()) {
    opened.identity +=
        add_gates(options, config, base_hash, opened.adapters[0], opened.adapters[1]);
  }
  return opened;
}

}  // namespace midpo
