// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/router_writer.h"

#include <nlohmann/json.hpp>
#include <set>

#include "models/checkpoint/checkpoint_error.h"
#include "runtime/core/atomic_file.h"

namespace midpo {
namespace {

using NameAndShape = std::pair<std::string, std::vector<std::int64_t>>;

void require_complete(const RouterToWrite& router, const std::string& dir) {
  std::set<NameAndShape> found;
  for (const TensorToWrite& tensor : router.tensors) found.emplace(tensor.name, tensor.shape);
  std::set<NameAndShape> wanted;
  for (const ExpectedTensor& tensor :
       router_tensors(router.num_layers, router.intermediate_size, router.gate_width)) {
    wanted.emplace(tensor.name, tensor.shape);
    if (found.contains({tensor.name, tensor.shape})) continue;
    throw Error(ErrorCode::kInternal, dir + ": router to write lacks tensor " +
                                          quote_name(tensor.name) + " " + shape_text(tensor.shape));
  }
  require(found == wanted, ErrorCode::kInternal,
          dir + ": router to write has more tensors than its gates");
}

std::string config_text(const RouterToWrite& router) {
  nlohmann::json config = {{"format", "midpo-router"},
                           {"num_layers", router.num_layers},
                           {"intermediate_size", router.intermediate_size},
                           {"gate_width", router.gate_width},
                           {"lora_scale", router.lora_scale},
                           {"base_model_hash", router.base_model_hash},
                           {"safety_adapter_hash", router.safety_adapter_hash},
                           {"helpfulness_adapter_hash", router.helpfulness_adapter_hash}};
  if (!router.mean_alpha.empty()) config["mean_alpha"] = router.mean_alpha;
  if (!router.mean_beta.empty()) config["mean_beta"] = router.mean_beta;
  return config.dump(2) + "\n";
}

}  // namespace

std::vector<ExpectedTensor> router_tensors(std::int64_t num_layers, std::int64_t intermediate_size,
                                           std::int64_t gate_width) {
  std::vector<ExpectedTensor> tensors;
  for (std::int64_t layer = 0; layer < num_layers; ++layer) {
    for (const char* gate : {"alpha", "beta"}) {
      const std::string prefix = "layers." + std::to_string(layer) + "." + gate + ".";
      tensors.push_back({prefix + "0.weight", {gate_width, intermediate_size}});
      tensors.push_back({prefix + "0.bias", {gate_width}});
      tensors.push_back({prefix + "1.weight", {intermediate_size, gate_width}});
      tensors.push_back({prefix + "1.bias", {intermediate_size}});
      tensors.push_back({prefix + "2.weight", {1, intermediate_size}});
      tensors.push_back({prefix + "2.bias", {1}});
    }
  }
  return tensors;
}

void write_router(const std::string& dir, const RouterToWrite& router, ExistingFolder existing) {
  require_complete(router, dir);
  AtomicFolder folder(dir, existing);
  write_safetensors(folder.file("router.safetensors"), router.tensors);
  write_file_atomically(folder.file("router_config.json"), config_text(router));
  folder.publish();
}

}  // namespace midpo
