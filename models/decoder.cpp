// SPDX-License-Identifier: Apache-2.0
#include "models/decoder.h"

#include <utility>

#include "models/checkpoint/expected_tensors.h"
#include "models/decoder_pass.h"
#include "models/rope_table.h"

namespace midpo {
namespace {

DecoderLayer load_layer(const ModelConfig& config, const WeightReader& reader,
                        const std::string& layer, bool is_last) {
  const std::string attention = layer + ".self_attn";
  const std::string mlp = layer + ".mlp";
  const std::string q = attention + ".q_proj";
  const std::string k = attention + ".k_proj";
  const std::string v = attention + ".v_proj";
  DecoderLayer weights;
  weights.input_norm_E = reader.read_float(layer + ".input_layernorm.weight");
  weights.attention_norm_E = reader.read_float(layer + ".post_attention_layernorm.weight");
  if (config.qk_norm) {
    weights.q_norm_D = reader.read_float(attention + ".q_norm.weight");
    weights.k_norm_D = reader.read_float(attention + ".k_norm.weight");
  }
  if (is_last) {
    weights.qkv = reader.read_linear({k, v}, config.qkv_bias);
    weights.q = reader.read_linear({q}, config.qkv_bias);
  } else {
    weights.qkv = reader.read_linear({q, k, v}, config.qkv_bias);
  }
  weights.o = reader.read_linear({attention + ".o_proj"}, config.o_bias);
  weights.gate_up = reader.read_linear({mlp + ".gate_proj", mlp + ".up_proj"}, config.mlp_bias);
  weights.down = reader.read_linear({mlp + ".down_proj"}, config.mlp_bias);
  return weights;
}

}  // namespace

std::string embeddings_name(const ModelConfig& config) {
  return trunk_prefix(config) + "embed_tokens.weight";
}

std::string head_module(const ModelConfig& config) {
  return config.tie_word_embeddings ? trunk_prefix(config) + "embed_tokens" : "lm_head";
}

DecoderWeights load_decoder_weights(const ModelConfig& config, const WeightReader& reader) {
  const std::string prefix = trunk_prefix(config);
  DecoderWeights weights;
  weights.embeddings_VE = reader.read(embeddings_name(config));
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    weights.layers.push_back(load_layer(config, reader, prefix + "layers." + std::to_string(i),
                                        i + 1 == config.num_layers));
  }
  weights.final_norm_E = reader.read_float(prefix + "norm.weight");
  weights.rope_frequencies = rope_frequencies(config);
  return weights;
}

Decoder::Decoder(ModelConfig config, DecoderWeights weights, std::shared_ptr<const Backend> backend)
    : config_(std::move(config)), weights_(std::move(weights)), backend_(std::move(backend)) {}

at::Tensor Decoder::read_hidden(const PackedBatch& batch, const PassOptions& options) const {
  return DecoderPass(*this, batch, options).run();
}

std::int64_t Decoder::decode_row_multiple() const {
  const bool are_even = config_.hidden_size % 2 == 0 && config_.intermediate_size % 2 == 0;
  return are_even && backend_->device().is_cpu() ? 1 : kDecodeRows;
}

Decoder Decoder::outer_layers() const {
  Decoder outer = *this;
  if (weights_.layers.size() > 2) {
    outer.weights_.layers = {weights_.layers.front(), weights_.layers.back()};
    outer.config_.num_layers = 2;
  }
  return outer;
}

}  // namespace midpo
