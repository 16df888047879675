// SPDX-License-Identifier: Apache-2.0
// config.json of a Llama-family model, in our names, whichever transformers version wrote it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace midpo {

/// Frequency scaling of rotary embeddings ("default": none).
struct RopeScaling {
  enum class Type { kDefault, kLinear, kLlama3 };
  Type type = Type::kDefault;
  double factor = 1.0;
  double low_freq_factor = 1.0;                       ///< llama3 only
  double high_freq_factor = 4.0;                      ///< llama3 only
  std::int64_t original_max_position_embeddings = 0;  ///< llama3 only
};

/// What score_head models add (safe-rlhf's keys). With do_normalize a score x becomes, whatever the
/// normalizer_type, affine: (x - mean) / (std + 1e-8), scale: x / (std + 1e-8), translate: x -
/// mean, identity: x; mean and variance are the tensors normalizer.mean and normalizer.var.
struct ScoreHeadConfig {
  /// transformers' ...ForSequenceClassification with one label, as TRL's RewardTrainer saves them:
  /// the head has no bias and reads the last token that is no padding.
  bool is_classifier = false;
  std::string score_type = "reward";  ///< "reward" or "cost"
  bool has_bias = true;               ///< score_bias, or "bias" as older releases spell it
  std::int64_t score_dim = 1;         ///< always 1: anything else is refused
  bool do_normalize = false;
  std::string normalizer_type;     ///< "RunningMeanStd" or "ExponentialMovingAverage"; empty: none
  std::string normalize_function;  ///< "affine", "scale", "translate" or "identity"
  double momentum = 0.9;           ///< used in training only
};

/// The head's name in the weights.
inline const char* module_of(const ScoreHeadConfig& head) {
  return head.is_classifier ? "score" : "score_head";
}

struct ModelConfig {
  std::string architecture;  ///< first of "architectures", e.g. LlamaForCausalLM
  std::string model_type;    ///< llama, mistral, qwen2, qwen3
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  bool qkv_bias = false;  ///< bias on q, k and v projections
  bool o_bias = false;    ///< bias on the attention output projection
  bool mlp_bias = false;
  bool qk_norm = false;  ///< RMSNorm over head_dim of q and k before RoPE (Qwen3)
  bool tie_word_embeddings = false;
  /// Set only where it changes results: sequences of at most this many tokens are as without it.
  std::optional<std::int64_t> sliding_window;
  std::optional<std::int32_t> bos_token_id, eos_token_id, pad_token_id;
  std::optional<ScoreHeadConfig> score_head;  ///< present for score models
};

/// Reads DIR/config.json, transformers 4 and 5 spellings.
/// @throws Error(kCheckpoint) naming file, key and value for anything missing, out of range or not
///   supported (another activation, model_type, rope type, quantised weights, ...).
ModelConfig load_model_config(const std::string& model_dir);

/// The same from text; `where` names it in errors.
ModelConfig parse_model_config(const std::string& json_text, const std::string& where);

}  // namespace midpo
