// SPDX-License-Identifier: Apache-2.0
#include "models/training/load_decoder.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/checkpoint/expected_tensors.h"
#include "models/decoder.h"
#include "models/rope_table.h"
#include "models/training/lora_factors.h"
#include "models/training/random_init.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

const std::vector<std::string> kProjections = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                               "gate_proj", "up_proj", "down_proj"};

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

std::string layer_name(const ModelConfig& config, std::int64_t layer) {
  return trunk_prefix(config) + "layers." + std::to_string(layer);
}

/// What experts adapt and gates weigh.
std::string down_projection(const ModelConfig& config, std::int64_t layer) {
  return layer_name(config, layer) + ".mlp.down_proj";
}

void check_targets(const LoraOptions& lora) {
  for (const std::string& target : lora.target_modules) {
    bool is_known =
        std::find(kProjections.begin(), kProjections.end(), target) != kProjections.end();
    require(is_known, ErrorCode::kConfig,
            "lora target module " + target +
                ": not a projection of this architecture; wanted some of q_proj k_proj v_proj "
                "o_proj gate_proj up_proj down_proj");
  }
  require(!lora.target_modules.empty() && lora.rank > 0, ErrorCode::kConfig,
          "lora: wanted a rank of at least 1 and at least one target module");
}

class Loader {
 public:
  Loader(const ModelConfig& config, const WeightReader& reader, const TrainedParts& parts,
         TrainDecoder& decoder)
      : config_(config), reader_(reader), parts_(parts), decoder_(decoder) {}

  void load();

 private:
  TrainLayer load_layer(std::int64_t index);
  NormWeight load_norm(const std::string& name);
  TrainLinear load_linear(const std::vector<std::string>& modules, bool has_bias,
                          bool needs_input_gradient);
  TrainLinear load_trained_linear(const std::vector<std::string>& modules, bool has_bias,
                                  bool needs_input_gradient);
  void add_update(const std::string& module, std::int64_t offset, std::int64_t num_outputs,
                  TrainLinear& linear);
  ExpertMixture load_mixture(std::int64_t layer);
  FactoredGate make_gate(const std::string& name);
  LayerNeeds needs_of(bool has_trained_below) const;

  bool is_target(const std::string& module) const {
    if (parts_.lora == nullptr) return false;
    const std::vector<std::string>& targets = parts_.lora->target_modules;
    return std::find(targets.begin(), targets.end(), last_part(module)) != targets.end();
  }
  bool trains(std::initializer_list<const char*> modules) const {
    return parts_.all || std::any_of(modules.begin(), modules.end(),
                                     [&](const char* module) { return is_target(module); });
  }

  const ModelConfig& config_;
  const WeightReader& reader_;
  const TrainedParts& parts_;
  TrainDecoder& decoder_;
};

void Loader::load() {
  const std::string prefix = trunk_prefix(config_);
  const std::string embeddings = embeddings_name(config_);
  if (parts_.all) {
    decoder_.trained_embeddings =
        decoder_.parameters->add(embeddings, reader_.read_float(embeddings), true);
  } else {
    decoder_.frozen_embeddings_VE = reader_.read(embeddings);
  }
  for (std::int64_t i = 0; i < config_.num_layers; ++i) decoder_.layers.push_back(load_layer(i));
  decoder_.final_norm_E = load_norm(prefix + "norm.weight");
  decoder_.rope_frequencies = rope_frequencies(config_);
}

LayerNeeds Loader::needs_of(bool has_trained_below) const {
  LayerNeeds needs;
  needs.qkv_input = has_trained_below || parts_.all;
  needs.attention = needs.qkv_input || trains({"q_proj", "k_proj", "v_proj"});
  needs.gate_up_input = needs.attention || trains({"o_proj"});
  needs.down_input = needs.gate_up_input || trains({"gate_proj", "up_proj"});
  return needs;
}

TrainLayer Loader::load_layer(std::int64_t index) {
  const std::string name = layer_name(config_, index);
  const std::string attention = name + ".self_attn.";
  const std::string mlp = name + ".mlp.";
  const std::string q = attention + "q_proj", k = attention + "k_proj", v = attention + "v_proj";
  TrainLayer layer;
  layer.first_parameter = decoder_.parameters->entries().size();
  layer.has_trained_below = index > 0 || parts_.all;
  layer.needs = needs_of(layer.has_trained_below);
  layer.input_norm_E = load_norm(name + ".input_layernorm.weight");
  layer.attention_norm_E = load_norm(name + ".post_attention_layernorm.weight");
  if (config_.qk_norm) {
    layer.q_norm_D = load_norm(attention + "q_norm.weight");
    layer.k_norm_D = load_norm(attention + "k_norm.weight");
  }
  const bool input = layer.needs.qkv_input;
  if (index + 1 == config_.num_layers) {
    layer.qkv = load_linear({k, v}, config_.qkv_bias, input);
    layer.q = load_linear({q}, config_.qkv_bias, input);
  } else {
    layer.qkv = load_linear({q, k, v}, config_.qkv_bias, input);
  }
  layer.o = load_linear({attention + "o_proj"}, config_.o_bias, layer.needs.attention);
  layer.gate_up = load_linear({mlp + "gate_proj", mlp + "up_proj"}, config_.mlp_bias,
                              layer.needs.gate_up_input);
  layer.down =
      load_linear({down_projection(config_, index)}, config_.mlp_bias, layer.needs.down_input);
  if (parts_.safety != nullptr) layer.mixture = load_mixture(index);
  return layer;
}

NormWeight Loader::load_norm(const std::string& name) {
  NormWeight norm;
  if (parts_.all) {
    norm.trained = decoder_.parameters->add(name, reader_.read_float(name), false);
  } else {
    norm.frozen = reader_.read_float(name);
  }
  return norm;
}

TrainLinear Loader::load_linear(const std::vector<std::string>& modules, bool has_bias,
                                bool needs_input_gradient) {
  if (parts_.all) return load_trained_linear(modules, has_bias, needs_input_gradient);
  const FrozenLinear frozen = reader_.read_frozen_linear(modules, has_bias);
  TrainLinear linear(frozen, needs_input_gradient ? reader_.read_transposed_linear(modules, frozen)
                                                  : FrozenLinear());
  std::int64_t offset = 0;
  for (const std::string& module : modules) {
    const std::int64_t num_outputs = reader_.num_outputs(module);
    if (is_target(module)) add_update(module, offset, num_outputs, linear);
    offset += num_outputs;
  }
  return linear;
}

TrainLinear Loader::load_trained_linear(const std::vector<std::string>& modules, bool has_bias,
                                        bool needs_input_gradient) {
  TrainLinear linear(decoder_.type, needs_input_gradient);
  ParameterSet& parameters = *decoder_.parameters;
  TrainedWeight weight;
  weight.has_bias = has_bias;
  for (const std::string& module : modules) {
    const std::string name = module + ".weight";
    weight.weight_NK = parameters.add(name, reader_.read_float(name), true);
    if (has_bias) {
      const std::string bias = module + ".bias";
      weight.bias_N = parameters.add(bias, reader_.read_float(bias), false);
    }
    linear.add_weight(weight);
    weight.offset += reader_.num_outputs(module);
  }
  return linear;
}

void Loader::add_update(const std::string& module, std::int64_t offset, std::int64_t num_outputs,
                        TrainLinear& linear) {
  const LoraOptions& lora = *parts_.lora;
  std::int64_t num_inputs = linear.num_inputs();
  at::Tensor a_RK, b_NR;
  if (parts_.first_adapter != nullptr) {
    LoraFactors first =
        read_lora_factors(*parts_.first_adapter, module, decoder_.backend->device());
    a_RK = first.a_RK;
    b_NR = first.b_NR;
  } else {
    a_RK = random_uniform(parts_.seed, module + ".lora_A", {lora.rank, num_inputs},
                          1.0 / std::sqrt(static_cast<double>(num_inputs)));
    b_NR = at::zeros({num_outputs, lora.rank}, a_RK.options());
  }
  TrainedUpdate update;
  update.offset = offset;
  update.scale = lora.alpha / static_cast<double>(lora.rank);
  update.a_RK = decoder_.parameters->add(module + ".lora_A.weight", a_RK, false);
  update.b_NR = decoder_.parameters->add(module + ".lora_B.weight", b_NR, false);
  linear.add_update(update);
}

ExpertMixture Loader::load_mixture(std::int64_t layer) {
  const auto [safety, helpfulness] =
      read_experts(parts_, config_, layer, decoder_.backend->device());
  const std::string name = "layers." + std::to_string(layer);
  return {make_gate(name + ".alpha"), make_gate(name + ".beta"), safety, helpfulness};
}

FactoredGate Loader::make_gate(const std::string& name) {
  const std::int64_t inner = config_.intermediate_size;
  const std::int64_t width = parts_.gate_width;
  const std::array<std::array<std::int64_t, 2>, 3> shapes{
      {{width, inner}, {inner, width}, {1, inner}}};
  std::array<at::Tensor, 3> weights, biases;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const std::string module = name + "." + std::to_string(i);
    double bound = 1.0 / std::sqrt(static_cast<double>(shapes[i][1]));
    weights[i] =
        random_uniform(parts_.seed, module + ".weight", {shapes[i][0], shapes[i][1]}, bound);
    biases[i] = random_uniform(parts_.seed, module + ".bias", {shapes[i][0]}, bound);
  }
  return {*decoder_.parameters, name, weights, biases};
}

}  // namespace

std::array<FrozenAdapter, 2> read_experts(const TrainedParts& parts, const ModelConfig& config,
                                          std::int64_t layer, at::Device device) {
  const auto read = [&](const Adapter& expert) {
    const LoraFactors factors = read_lora_factors(expert, down_projection(config, layer), device);
    const double scale = parts.leaves_out_scale ? 1.0 : factors.scale;
    return FrozenAdapter{factors.a_RK, factors.b_NR, scale};
  };
  return {read(*parts.safety), read(*parts.helpfulness)};
}

TrainDecoder load_train_decoder(const ModelConfig& config, const WeightReader& reader,
                                std::shared_ptr<const Backend> backend, DType dtype,
                                const TrainedParts& parts) {
  if (parts.lora != nullptr) check_targets(*parts.lora);
  TrainDecoder decoder;
  decoder.config = config;
  decoder.backend = std::move(backend);
  decoder.type = scalar_type(dtype);
  Loader(config, reader, parts, decoder).load();
  return decoder;
}

}  // namespace midpo
