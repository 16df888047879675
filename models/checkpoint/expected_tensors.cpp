// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/expected_tensors.h"

#include <set>

#include "models/checkpoint/checkpoint_error.h"

namespace midpo {
namespace {

using Expected = std::vector<ExpectedTensor>;

void add_linear(Expected& expected, const std::string& module, std::int64_t out_features,
                std::int64_t in_features, bool has_bias) {
  expected.push_back({module + ".weight", {out_features, in_features}});
  if (has_bias) expected.push_back({module + ".bias", {out_features}});
}

void add_layer(Expected& expected, const ModelConfig& config, const std::string& layer) {
  const std::int64_t q_features = config.num_heads * config.head_dim;
  const std::int64_t kv_features = config.num_kv_heads * config.head_dim;
  const std::string attention = layer + ".self_attn";
  const std::string mlp = layer + ".mlp";
  expected.push_back({layer + ".input_layernorm.weight", {config.hidden_size}});
  add_linear(expected, attention + ".q_proj", q_features, config.hidden_size, config.qkv_bias);
  add_linear(expected, attention + ".k_proj", kv_features, config.hidden_size, config.qkv_bias);
  add_linear(expected, attention + ".v_proj", kv_features, config.hidden_size, config.qkv_bias);
  add_linear(expected, attention + ".o_proj", config.hidden_size, q_features, config.o_bias);
  if (config.qk_norm) {
    expected.push_back({attention + ".q_norm.weight", {config.head_dim}});
    expected.push_back({attention + ".k_norm.weight", {config.head_dim}});
  }
  constexpr bool kOptional = true;
  expected.push_back({attention + ".rotary_emb.inv_freq", {config.head_dim / 2}, kOptional});
  expected.push_back({layer + ".post_attention_layernorm.weight", {config.hidden_size}});
  add_linear(expected, mlp + ".gate_proj", config.intermediate_size, config.hidden_size,
             config.mlp_bias);
  add_linear(expected, mlp + ".up_proj", config.intermediate_size, config.hidden_size,
             config.mlp_bias);
  add_linear(expected, mlp + ".down_proj", config.hidden_size, config.intermediate_size,
             config.mlp_bias);
}

void add_score_head(Expected& expected, const ModelConfig& config) {
  const ScoreHeadConfig& head = *config.score_head;
  add_linear(expected, module_of(head), head.score_dim, config.hidden_size, head.has_bias);
  const bool is_unused = !head.do_normalize || head.normalize_function == "identity";
  expected.push_back({"normalizer.mean", {head.score_dim}, is_unused});
  expected.push_back({"normalizer.var", {head.score_dim}, is_unused});
  expected.push_back({"normalizer.count", {1}, true});
}

}  // namespace

std::string trunk_prefix(const ModelConfig& config) {
  return !config.score_head && config.architecture.ends_with("Model") ? "" : "model.";
}

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config) {
  const std::string prefix = trunk_prefix(config);
  Expected expected;
  expected.push_back({prefix + "embed_tokens.weight", {config.vocab_size, config.hidden_size}});
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    add_layer(expected, config, prefix + "layers." + std::to_string(layer));
  }
  expected.push_back({prefix + "norm.weight", {config.hidden_size}});
  if (config.score_head) add_score_head(expected, config);
  const bool is_unused = config.score_head || prefix.empty();
  expected.push_back({"lm_head.weight",
                      {config.vocab_size, config.hidden_size},
                      is_unused || config.tie_word_embeddings});
  return expected;
}

TensorMismatch compare_tensors(const std::vector<ExpectedTensor>& expected,
                               const WeightFiles& weights) {
  TensorMismatch mismatch;
  std::set<std::string> known;
  for (const ExpectedTensor& wanted : expected) {
    const StoredTensor* const tensor = weights.find(wanted.name);
    if (wanted.is_optional) {
      // Never read, so of no harm in another shape; but then it is not what we took it for.
      if (tensor != nullptr && tensor->shape == wanted.shape) known.insert(wanted.name);
      continue;
    }
    known.insert(wanted.name);
    if (tensor == nullptr) {
      mismatch.missing.push_back(wanted.name);
    } else if (tensor->shape != wanted.shape) {
      mismatch.wrong_shape.push_back(wanted.name + ": shape " + shape_text(tensor->shape) +
                                     ", wanted " + shape_text(wanted.shape));
    } else if (!is_floating(tensor->type)) {
      mismatch.wrong_type.push_back(wanted.name + ": " + stored_type_name(tensor->type) +
                                    ", wanted floating point");
    }
  }
  for (const StoredTensor& tensor : weights.tensors()) {
    if (!known.contains(tensor.name)) mismatch.unexpected.push_back(tensor.name);
  }
  return mismatch;
}

}  // namespace midpo
