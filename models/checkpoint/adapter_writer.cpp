// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/adapter_writer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "models/checkpoint/safetensors_writer.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/json_text.h"

namespace midpo {
namespace {

/// PEFT and its users expect an integer alpha to look like one.
nlohmann::json plain_number(double value) {
  const bool is_whole = value == std::floor(value) && std::abs(value) < 1e15;
  return is_whole ? nlohmann::json(static_cast<std::int64_t>(value)) : nlohmann::json(value);
}

std::string config_text(const AdapterToWrite& adapter) {
  const nlohmann::json none = nullptr;
  const nlohmann::json empty = nlohmann::json::object();
  const nlohmann::json config = {{"alpha_pattern", empty},
                                 {"auto_mapping", none},
                                 {"base_model_name_or_path", adapter.base_model},
                                 {"bias", "none"},
                                 {"fan_in_fan_out", false},
                                 {"inference_mode", true},
                                 {"init_lora_weights", true},
                                 {"layer_replication", none},
                                 {"layers_pattern", none},
                                 {"layers_to_transform", none},
                                 {"loftq_config", empty},
                                 {"lora_alpha", plain_number(adapter.alpha)},
                                 {"lora_dropout", 0.0},
                                 {"megatron_config", none},
                                 {"megatron_core", "megatron.core"},
                                 {"modules_to_save", none},
                                 {"peft_type", "LORA"},
                                 {"r", adapter.rank},
                                 {"rank_pattern", empty},
                                 {"revision", none},
                                 {"target_modules", adapter.target_modules},
                                 {"task_type", "CAUSAL_LM"},
                                 {"use_dora", false},
                                 {"use_rslora", false}};
  return config.dump(2) + "\n";
}

std::string model_card(const AdapterToWrite& adapter) {
  std::string modules;
  for (const std::string& module : adapter.target_modules) {
    modules += (modules.empty() ? "" : ", ") + module;
  }
  return "---\nlibrary_name: peft\nbase_model: " + json_string(adapter.base_model) +
         "\ntags: [lora, midpo]\n---\n\nLoRA adapter written by midpo: rank " +
         std::to_string(adapter.rank) + ", alpha " + plain_number(adapter.alpha).dump() + ", on " +
         modules + ". Load it with peft's `PeftModel.from_pretrained`.\n";
}

std::vector<TensorToWrite> named_tensors(const AdapterToWrite& adapter) {
  std::vector<TensorToWrite> tensors;
  for (const LoraToWrite& lora : adapter.factors) {
    const std::string module = "base_model.model." + lora.module;
    tensors.push_back({module + ".lora_A.weight",
                       StoredType::kFloat32,
                       {adapter.rank, lora.in_features},
                       lora.a});
    tensors.push_back({module + ".lora_B.weight",
                       StoredType::kFloat32,
                       {lora.out_features, adapter.rank},
                       lora.b});
  }
  return tensors;
}

}  // namespace

void write_adapter(const std::string& dir, const AdapterToWrite& adapter, ExistingFolder existing) {
  AtomicFolder folder(dir, existing);
  write_safetensors(folder.file("adapter_model.safetensors"), named_tensors(adapter));
  write_file_atomically(folder.file("adapter_config.json"), config_text(adapter));
  write_file_atomically(folder.file("README.md"), model_card(adapter));
  folder.publish();
}

}  // namespace midpo
