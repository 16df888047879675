// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/router_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/strict_json.h"

namespace midpo {
namespace {

constexpr std::string_view kFormat = "midpo-router";
constexpr std::int64_t kMostLayers = 1 << 16;
constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;
constexpr double kLargestScale = 1e9;

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

RouterConfig parse_router_config(const std::string& text, const std::string& where) {
  const nlohmann::json parsed = parse_strict_json(text, where);
  const ConfigObject object(parsed, where);
  if (object.text_or("format", "") != kFormat) object.refuse("format", "wanted midpo-router");
  RouterConfig config;
  config.num_layers = object.integer("num_layers", 1, kMostLayers);
  config.intermediate_size = object.integer("intermediate_size", 1, kLargestSize);
  config.gate_width = object.integer("gate_width", 1, kLargestSize);
  config.base_model_hash = object.text_or("base_model_hash", "");
  config.safety_adapter_hash = object.text_or("safety_adapter_hash", "");
  config.helpfulness_adapter_hash = object.text_or("helpfulness_adapter_hash", "");
  if (object.has("lora_scale")) config.lora_scale = object.number("lora_scale", 0.0, kLargestScale);
  return config;
}

/// "layers.3.alpha" and "layers.3.beta": maps 0, 1 and 2.
GateTensors own_names(std::int64_t layer, const std::string& gate) {
  GateTensors names;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string map =
        "layers." + std::to_string(layer) + "." + gate + "." + std::to_string(i);
    names.weights[i] = map + ".weight";
    names.biases[i] = map + ".bias";
  }
  return names;
}

/// Runs of digits compare as numbers, the rest as text: "2.x" before "10.x".
bool precedes_naturally(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const auto take = [&](std::string_view& text) {
    std::size_t size = 1;
    while (size < text.size() && is_digit(text[size]) == is_digit(text[0])) ++size;
    const std::string_view run = text.substr(0, size);
    text.remove_prefix(size);
    return run;
  };
  while (!a.empty() && !b.empty()) {
    const std::string_view run_a = take(a);
    const std::string_view run_b = take(b);
    if (run_a == run_b) continue;
    const bool are_numbers = is_digit(run_a[0]) && is_digit(run_b[0]);
    if (are_numbers && run_a.size() != run_b.size()) return run_a.size() < run_b.size();
    return run_a < run_b;
  }
  return a.size() < b.size();
}

/// The three linear maps of one published state dict, whatever its modules are called.
GateTensors published_names(const WeightFiles& files, const std::string& path,
                            const std::string& state_dict) {
  const std::string prefix = state_dict + ".";
  std::vector<std::string> maps;
  for (const StoredTensor& tensor : files.tensors()) {
    if (!tensor.name.starts_with(prefix) || !tensor.name.ends_with(".weight")) continue;
    maps.push_back(tensor.name.substr(0, tensor.name.size() - std::string(".weight").size()));
  }
  if (maps.size() != 3) {
    refuse_checkpoint(path, quote_name(state_dict) + " has " + std::to_string(maps.size()) +
                                " linear maps, wanted 3: I -> G, G -> I, I -> 1");
  }
  std::sort(maps.begin(), maps.end(), precedes_naturally);
  GateTensors names;
  for (std::size_t i = 0; i < 3; ++i) {
    names.weights[i] = maps[i] + ".weight";
    names.biases[i] = maps[i] + ".bias";
  }
  return names;
}

void require_shape(const StoredTensor& tensor, const std::vector<std::int64_t>& wanted) {
  if (tensor.shape == wanted) return;
  refuse_checkpoint(tensor.file, "tensor " + quote_name(tensor.name) + " has shape " +
                                     shape_text(tensor.shape) + ", wanted " + shape_text(wanted));
}

void check_gate(const RouterFile& router, const GateTensors& gate) {
  const std::int64_t inputs = router.config.intermediate_size;
  const std::int64_t width = router.config.gate_width;
  const std::array<std::array<std::int64_t, 2>, 3> shapes = {
      {{width, inputs}, {inputs, width}, {1, inputs}}};
  for (std::size_t i = 0; i < 3; ++i) {
    require_shape(router.files->require_tensor(gate.weights[i]), {shapes[i][0], shapes[i][1]});
    require_shape(router.files->require_tensor(gate.biases[i]), {shapes[i][0]});
  }
}

void check_gates(const RouterFile& router) {
  for (const RouterLayer& layer : router.layers) {
    check_gate(router, layer.alpha);
    check_gate(router, layer.beta);
  }
}

/// Layers are numbered from 0 without a gap; their first gate's first map gives the sizes.
RouterFile open_published(const std::string& path, bool allow_pickle) {
  RouterFile router;
  router.weights_path = path;
  router.files = open_weight_file(path, allow_pickle);
  const auto has_layer = [&](std::int64_t layer) {
    const std::string prefix = "layer_" + std::to_string(layer) + "_";
    return std::ranges::any_of(router.files->tensors(), [&](const StoredTensor& tensor) {
      return tensor.name.starts_with(prefix);
    });
  };
  while (has_layer(router.config.num_layers)) {
    const std::string layer = "layer_" + std::to_string(router.config.num_layers++);
    router.layers.push_back({published_names(*router.files, path, layer + "_alpha"),
                             published_names(*router.files, path, layer + "_beta")});
  }
  if (router.layers.empty()) {
    refuse_checkpoint(path, "holds no layer_0_alpha; is it the router of a mixture?");
  }
  const StoredTensor& first = router.files->require_tensor(router.layers[0].alpha.weights[0]);
  if (first.shape.size() != 2) require_shape(first, {0, 0});
  router.config.gate_width = first.shape[0];
  router.config.intermediate_size = first.shape[1];
  return router;
}

RouterFile open_own(const std::string& directory) {
  RouterFile router;
  const std::string config_path = directory + "/router_config.json";
  router.config_text = read_small_file(config_path);
  router.config = parse_router_config(router.config_text, config_path);
  router.weights_path = directory + "/router.safetensors";
  router.files = open_weight_file(router.weights_path, false);
  for (std::int64_t layer = 0; layer < router.config.num_layers; ++layer) {
    router.layers.push_back({own_names(layer, "alpha"), own_names(layer, "beta")});
  }
  return router;
}

}  // namespace

RouterFile open_router(const std::string& path, bool allow_pickle) {
  RouterFile router;
  if (exists(path + "/router.safetensors") || exists(path + "/router_config.json")) {
    router = open_own(path);
  } else if (exists(path + "/router.pth")) {
    router = open_published(path + "/router.pth", allow_pickle);
  } else if (std::filesystem::is_regular_file(path)) {
    router = open_published(path, allow_pickle);
  } else {
    refuse_checkpoint(path,
                      "is no router: wanted a folder with router.safetensors and "
                      "router_config.json, or a router.pth");
  }
  check_gates(router);
  return router;
}

}  // namespace midpo
