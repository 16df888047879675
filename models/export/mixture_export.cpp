// SPDX-License-Identifier: Apache-2.0
#include "models/export/mixture_export.h"

#include <cmath>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/model_hash.h"
#include "models/checkpoint/model_writer.h"
#include "models/checkpoint/router_file.h"
#include "models/checkpoint/strict_json.h"
#include "models/export/base_model.h"
#include "models/export/collapsed_gate.h"
#include "models/export/embedded_files.h"
#include "runtime/core/atomic_file.h"

namespace midpo {
namespace {

constexpr double kScaleNoise = 1e-6;

struct Expert {
  std::string dir;
  OpenedAdapter adapter;

  std::int64_t rank() const { return adapter.config.targets.front().rank; }
  double scale() const { return adapter.config.targets.front().scale; }
};

struct Mixture {
  BaseModel base;
  Expert safety;
  Expert helpfulness;
  RouterFile router;
};

std::string down_projection(std::int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".mlp.down_proj";
}

/// The gates see the down projection's input, so experts elsewhere have none; and one rank and
/// scale describe all layers.
void require_uniform(const Expert& expert, const ModelConfig& config) {
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    const LoraTarget* const target = expert.adapter.find(down_projection(layer));
    if (target == nullptr) {
      refuse_checkpoint(expert.dir, "does not adapt " + down_projection(layer) +
                                        "; an expert adapts the down projection of every layer");
    }
    if (target->rank != expert.rank() || target->scale != expert.scale()) {
      refuse_checkpoint(expert.dir, "has another rank or scale in layer " + std::to_string(layer) +
                                        "; wanted one for all layers");
    }
  }
  if (expert.adapter.config.targets.size() == static_cast<std::size_t>(config.num_layers)) return;
  refuse_checkpoint(expert.dir,
                    "adapts more than the down projections; the mixture has gates for "
                    "these only");
}

Expert open_expert(const BaseModel& base, const std::string& dir, bool allow_pickle) {
  Expert expert{dir, open_adapter_of(base, dir, allow_pickle)};
  require_uniform(expert, base.config);
  return expert;
}

void require_hash(const std::string& recorded, const std::string& dir, const WeightFiles& files,
                  const std::string& config_name, const std::string& router_path) {
  if (recorded.empty()) return;
  const std::string found = hash_model(files, read_small_file(dir + "/" + config_name)).hex();
  if (found == recorded) return;
  refuse_checkpoint(router_path, "was trained with another model than " + dir +
                                     ": wanted content " + recorded + ", found " + found);
}

void check_router(const Mixture& mixture, const std::string& path) {
  const RouterConfig& router = mixture.router.config;
  const ModelConfig& config = mixture.base.config;
  if (router.num_layers != config.num_layers ||
      router.intermediate_size != config.intermediate_size) {
    refuse_checkpoint(path, "has gates for " + std::to_string(router.num_layers) +
                                " layers of intermediate size " +
                                std::to_string(router.intermediate_size) + ", the base model has " +
                                std::to_string(config.num_layers) + " of " +
                                std::to_string(config.intermediate_size));
  }
  for (const Expert* expert : {&mixture.safety, &mixture.helpfulness}) {
    if (router.lora_scale && std::abs(*router.lora_scale - expert->scale()) > kScaleNoise) {
      refuse_checkpoint(path, "was trained with experts of another scale than " + expert->dir);
    }
  }
  constexpr const char* kAdapterConfig = "adapter_config.json";
  require_hash(router.base_model_hash, mixture.base.dir, *mixture.base.files, "config.json", path);
  require_hash(router.safety_adapter_hash, mixture.safety.dir, *mixture.safety.adapter.files,
               kAdapterConfig, path);
  require_hash(router.helpfulness_adapter_hash, mixture.helpfulness.dir,
               *mixture.helpfulness.adapter.files, kAdapterConfig, path);
}

Mixture open_mixture(const MixtureExport& parts) {
  BaseModel base = open_base_model(parts.base_dir, parts.allow_pickle);
  Expert safety = open_expert(base, parts.safety_dir, parts.allow_pickle);
  Expert helpfulness = open_expert(base, parts.helpfulness_dir, parts.allow_pickle);
  Mixture mixture{std::move(base), std::move(safety), std::move(helpfulness),
                  open_router(parts.router_path, parts.allow_pickle)};
  check_router(mixture, parts.router_path);
  return mixture;
}

/// The experts' and gates' tensors; collapsed gates live as long as this does.
class MixtureTensors {
 public:
  explicit MixtureTensors(const Mixture& mixture) : mixture_(mixture) {
    tensors_ = mixture.base.tensors();
    for (std::int64_t layer = 0; layer < mixture.base.config.num_layers; ++layer) {
      const RouterLayer& gates = mixture.router.layers[static_cast<std::size_t>(layer)];
      const std::string module = down_projection(layer);
      add(module, module + ".safety.", mixture.safety, gates.alpha);
      add(module, module + ".helpfulness.", mixture.helpfulness, gates.beta);
    }
  }

  const std::vector<TensorToWrite>& tensors() const { return tensors_; }

 private:
  void add(const std::string& module, const std::string& prefix, const Expert& expert,
           const GateTensors& gate) {
    const LoraTarget& target = *expert.adapter.find(module);
    add_stored(prefix + "lora_A.weight", expert.adapter.files->require_tensor(target.a_tensor));
    add_stored(prefix + "lora_B.weight", expert.adapter.files->require_tensor(target.b_tensor));
    gates_.push_back(collapse_gate(*mixture_.router.files, gate));
    const CollapsedGate& collapsed = gates_.back();
    const std::int64_t width = mixture_.base.config.intermediate_size;
    tensors_.push_back(
        {prefix + "gate.weight", StoredType::kFloat32, {1, width}, collapsed.weight.data()});
    tensors_.push_back({prefix + "gate.bias", StoredType::kFloat32, {1}, &collapsed.bias});
  }

  void add_stored(const std::string& name, const StoredTensor& stored) {
    tensors_.push_back(copy_of(stored));
    tensors_.back().name = name;
  }

  const Mixture& mixture_;
  std::deque<CollapsedGate> gates_;
  std::vector<TensorToWrite> tensors_;
};

/// "Llama", as the Python classes are called.
std::string family_of(const ModelConfig& config) {
  return config.architecture.substr(0, config.architecture.find("ForCausalLM"));
}

std::string config_changes(const Mixture& mixture) {
  const auto expert = [](const Expert& one) {
    return nlohmann::json{{"rank", one.rank()}, {"scale", one.scale()}};
  };
  const std::string name = "MidPO" + family_of(mixture.base.config);
  const nlohmann::json changes = {
      {"architectures", {name + "ForCausalLM"}},
      {"model_type", "midpo_" + mixture.base.config.model_type},
      {"auto_map",
       {{"AutoConfig", "configuration_midpo." + name + "Config"},
        {"AutoModelForCausalLM", "modeling_midpo." + name + "ForCausalLM"}}},
      {"midpo",
       {{"safety", expert(mixture.safety)}, {"helpfulness", expert(mixture.helpfulness)}}}};
  return changes.dump();
}

constexpr const char* kModelCard = R"(---
library_name: transformers
tags: [midpo]
---

A base model with a safety and a helpfulness expert (LoRA), weighted per layer and token by gates.

    model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True)

The gates depend on every token, so the experts cannot be merged into plain weights, and servers
that do not run `modeling_midpo.py` cannot load this folder.
)";

void check_unchanged(const Mixture& mixture) {
  for (const WeightFiles* files :
       {mixture.base.files.get(), mixture.safety.adapter.files.get(),
        mixture.helpfulness.adapter.files.get(), mixture.router.files.get()}) {
    files->check_unchanged();
  }
}

}  // namespace

void export_mixture(const std::string& dir, const MixtureExport& parts, ExistingFolder existing) {
  const Mixture mixture = open_mixture(parts);
  const MixtureTensors tensors(mixture);
  AtomicFolder folder(dir, existing);
  write_model_files(folder, {parts.base_dir, tensors.tensors(), config_changes(mixture)});
  write_file_atomically(folder.file("configuration_midpo.py"), kConfigurationPython);
  write_file_atomically(folder.file("modeling_midpo.py"), kModelingPython);
  write_file_atomically(folder.file("README.md"), kModelCard);
  check_unchanged(mixture);
  folder.publish();
}

}  // namespace midpo
