// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/adapter_config.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/strict_json.h"

namespace midpo {
namespace {

constexpr std::int64_t kLargestRank = 1 << 16;
constexpr double kLargestAlpha = 1e9;
constexpr std::string_view kModulePrefix = "base_model.model.";

bool is_set(const nlohmann::json& value) {
  return !(value.is_null() || value == false || (value.is_structured() && value.empty()));
}

/// Variants of LoRA that compute something else than W x + s B A x.
void refuse_variants(const ConfigObject& config) {
  if (config.text_or("peft_type", "") != "LORA") config.refuse("peft_type", "supported is LORA");
  if (config.text_or("bias", "none") != "none") config.refuse("bias", "supported is none");
  for (const char* key :
       {"use_dora", "fan_in_fan_out", "modules_to_save", "lora_bias", "layer_replication",
        "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "use_qalora",
        "use_bdlora", "arrow_config", "velora_config", "monteclora_config", "kasa_config"}) {
    const nlohmann::json* const value = config.find(key);
    if (value != nullptr && is_set(*value))
      config.refuse(key, "supported is plain LoRA without it");
  }
  const nlohmann::json* const init = config.find("init_lora_weights");
  if (init == nullptr || !init->is_string()) return;
  for (const char* method : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
    if (init->get_ref<const std::string&>().starts_with(method)) {
      config.refuse("init_lora_weights",
                    "it changes the base weights as well; save the adapter "
                    "converted to plain LoRA");
    }
  }
}

std::vector<std::string> read_target_modules(const ConfigObject& config) {
  const nlohmann::json* const value = config.find("target_modules");
  if (value != nullptr && value->is_string()) return {value->get<std::string>()};
  return config.texts("target_modules");
}

/// rank_pattern or alpha_pattern. PEFT takes the keys as regular expressions over the end of a
/// module's name; here they are names (or ends of names), with "^" for a whole one.
class ModulePattern {
 public:
  ModulePattern(const ConfigObject& config, const std::string& key) : pattern_(config.object(key)) {
    if (!pattern_) return;
    for (const auto& [name, value] : pattern_->json().items()) {
      if (name.find_first_of("*+?()[]{}|\\$") != std::string::npos) {
        pattern_->refuse(name, "expressions as keys are not supported; name the modules");
      }
    }
  }

  std::optional<double> value_for(const std::string& module) const {
    if (!pattern_) return std::nullopt;
    std::optional<double> found;
    for (const auto& [name, value] : pattern_->json().items()) {
      if (!matches(name, module)) continue;
      const double number = pattern_->number(name, 1e-9, kLargestAlpha);
      if (found && *found != number) {
        pattern_->refuse(
            name, "another key gives module " + quote_name(module) + " " + std::to_string(*found));
      }
      found = number;
    }
    return found;
  }

 private:
  static bool matches(std::string_view name, std::string_view module) {
    if (name.starts_with('^')) return module == name.substr(1);
    return module == name ||
           (module.ends_with(name) && module[module.size() - name.size() - 1] == '.');
  }

  std::optional<ConfigObject> pattern_;
};

/// The two tensors of one module, by file name.
struct TensorPair {
  const StoredTensor* a = nullptr;
  const StoredTensor* b = nullptr;
};

[[noreturn]] void refuse_tensor(const StoredTensor& tensor) {
  const std::string_view name = tensor.name;
  const bool is_of_base = name.ends_with(".base_layer.weight") ||
                          name.ends_with("lm_head.weight") || name.ends_with("embed_tokens.weight");
  refuse_checkpoint(
      tensor.file,
      "tensor " + quote_name(name) +
          (is_of_base ? " is the base model's own, saved along; only adapters on an unchanged base "
                        "are supported: save it with save_embedding_layers=False"
                      : " is none of a plain LoRA adapter, or is there twice"));
}

/// "base_model.model.M.lora_A.weight" gives M and 'A'; older files say "lora_A.default.weight".
std::map<std::string, TensorPair> pair_tensors(const WeightFiles& weights) {
  std::map<std::string, TensorPair> pairs;
  for (const StoredTensor& tensor : weights.tensors()) {
    const std::string_view name = tensor.name;
    bool is_known = false;
    for (const std::string_view side : {"A", "B"}) {
      for (const std::string_view end : {".weight", ".default.weight"}) {
        const std::string suffix = std::string(".lora_").append(side).append(end);
        if (!name.starts_with(kModulePrefix) || !name.ends_with(suffix) ||
            name.size() <= kModulePrefix.size() + suffix.size()) {
          continue;
        }
        const std::size_t module_size = name.size() - kModulePrefix.size() - suffix.size();
        TensorPair& pair = pairs[std::string(name.substr(kModulePrefix.size(), module_size))];
        const StoredTensor*& slot = side == "A" ? pair.a : pair.b;
        is_known = slot == nullptr;
        slot = &tensor;
      }
    }
    if (!is_known) refuse_tensor(tensor);
  }
  return pairs;
}

LoraTarget make_target(const std::string& module, const TensorPair& pair, std::int64_t rank,
                       double scale) {
  if (pair.a == nullptr || pair.b == nullptr) {
    const StoredTensor& twin = pair.a != nullptr ? *pair.a : *pair.b;
    refuse_checkpoint(twin.file, "tensor " + quote_name(twin.name) + " lacks its twin lora_" +
                                     (pair.a != nullptr ? "B" : "A"));
  }
  if (pair.a->shape.size() != 2 || pair.b->shape.size() != 2 || pair.a->shape[0] != rank ||
      pair.b->shape[1] != rank) {
    refuse_checkpoint(pair.a->file, "module " + quote_name(module) + " has A " +
                                        shape_text(pair.a->shape) + " and B " +
                                        shape_text(pair.b->shape) + ", wanted rank " +
                                        std::to_string(rank) + ": A [rank, in], B [out, rank]");
  }
  return {module, rank, scale, pair.a->name, pair.b->name};
}

}  // namespace

AdapterConfig parse_adapter_config(const std::string& json_text, const std::string& where,
                                   const WeightFiles& weights) {
  const nlohmann::json parsed = parse_strict_json(json_text, where);
  const ConfigObject config(parsed, where);
  refuse_variants(config);

  AdapterConfig adapter;
  adapter.base_model_name = config.text_or("base_model_name_or_path", "");
  adapter.rank = config.integer("r", 1, kLargestRank);
  adapter.alpha = config.number_or("lora_alpha", 8.0, 0.0, kLargestAlpha);
  adapter.target_modules = read_target_modules(config);
  const bool use_rslora = config.boolean_or("use_rslora", false);
  const ModulePattern ranks(config, "rank_pattern");
  const ModulePattern alphas(config, "alpha_pattern");
  for (const auto& [module, pair] : pair_tensors(weights)) {
    const std::int64_t rank =
        std::llround(ranks.value_for(module).value_or(static_cast<double>(adapter.rank)));
    const double alpha = alphas.value_for(module).value_or(adapter.alpha);
    const auto divisor = static_cast<double>(rank);
    const double scale = alpha / (use_rslora ? std::sqrt(divisor) : divisor);
    adapter.targets.push_back(make_target(module, pair, rank, scale));
  }
  if (adapter.targets.empty()) refuse_checkpoint(where, "its weight file adapts no module");
  return adapter;
}

void require_adapter_fits(const AdapterConfig& adapter, const WeightFiles& weights,
                          const WeightFiles& base, const std::string& base_name) {
  for (const LoraTarget& target : adapter.targets) {
    const std::string adapts = "adapts " + quote_name(target.module);
    const StoredTensor* const weight = base.find(target.module + ".weight");
    if (weight == nullptr) {
      refuse_checkpoint(adapter.weights_path, adapts + ", which " + base_name +
                                                  " does not have; was it trained on another base "
                                                  "model?");
    }
    const std::vector<std::int64_t> shape = {weights.require_tensor(target.b_tensor).shape[0],
                                             weights.require_tensor(target.a_tensor).shape[1]};
    if (shape == weight->shape) continue;
    refuse_checkpoint(adapter.weights_path, adapts + " with an update of shape " +
                                                shape_text(shape) + ", the weight of " + base_name +
                                                " has " + shape_text(weight->shape) +
                                                "; was it trained on another base model?");
  }
}

std::string find_adapter_weights(const std::string& adapter_dir, bool allow_pickle) {
  std::error_code ignored;
  std::string safetensors = adapter_dir + "/adapter_model.safetensors";
  if (std::filesystem::exists(std::filesystem::symlink_status(safetensors, ignored))) {
    return safetensors;
  }
  std::string bin = adapter_dir + "/adapter_model.bin";
  if (!std::filesystem::exists(std::filesystem::symlink_status(bin, ignored))) {
    refuse_checkpoint(adapter_dir, "holds no adapter_model.safetensors and no adapter_model.bin");
  }
  if (!allow_pickle) {
    refuse_checkpoint(bin,
                      "is a pickle; convert it to safetensors, or pass --allow-pickle to read "
                      "it through the restricted reader");
  }
  return bin;
}

AdapterConfig load_adapter_config(const std::string& adapter_dir, bool allow_pickle) {
  const std::string config_path = adapter_dir + "/adapter_config.json";
  const std::string config_text = read_small_file(config_path);
  const std::string weights_path = find_adapter_weights(adapter_dir, allow_pickle);
  const auto weights = open_weight_file(weights_path, allow_pickle);
  AdapterConfig adapter = parse_adapter_config(config_text, config_path, *weights);
  adapter.weights_path = weights_path;
  return adapter;
}

}  // namespace midpo
