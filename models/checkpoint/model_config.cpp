// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "models/checkpoint/strict_json.h"

namespace midpo {
namespace {

constexpr std::int64_t kMostLayers = 4096;
constexpr std::int64_t kWidest = 1 << 20;
constexpr std::int64_t kLargestVocab = 1 << 24;
constexpr std::int64_t kMostPositions = 1 << 30;
constexpr std::int64_t kLargestTokenId = std::numeric_limits<std::int32_t>::max();
constexpr double kLargestFactor = 1e9;
constexpr const char* kClassifier = "ForSequenceClassification";

/// What transformers assumes for keys that config.json leaves out, and which keys a family obeys.
struct Family {
  std::string_view model_type;
  std::string_view class_prefix;
  std::int64_t absent_kv_heads;  ///< 0: as many as heads
  std::int64_t absent_head_dim;  ///< 0: hidden_size / heads
  std::int64_t absent_max_positions;
  bool obeys_attention_bias;
  bool always_has_qkv_bias;
  bool obeys_mlp_bias;
  bool has_qk_norm;
  bool window_needs_switch;  ///< use_sliding_window, max_window_layers and layer_types count
  bool has_default_ids;      ///< bos 1 and eos 2 where the keys are absent
};

constexpr std::array<Family, 4> kFamilies = {{
    {"llama", "Llama", 0, 0, 2048, true, false, true, false, false, true},
    {"mistral", "Mistral", 8, 0, 131072, false, false, false, false, false, true},
    {"qwen2", "Qwen2", 32, 0, 32768, false, true, false, false, true, false},
    {"qwen3", "Qwen3", 32, 128, 32768, true, false, false, true, true, false},
}};

const Family& find_family(const ConfigObject& config) {
  const std::string model_type = config.text_or("model_type", "");
  for (const Family& family : kFamilies) {
    if (family.model_type == model_type) return family;
  }
  config.refuse("model_type", "supported are llama, mistral, qwen2, qwen3");
}

void refuse_unsupported(const ConfigObject& config) {
  const std::string activation = config.text_or("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    config.refuse("hidden_act", "supported is silu");
  if (config.has("quantization_config")) {
    config.refuse("quantization_config",
                  "quantised weights are not supported; supported are "
                  "float32, float16 and bfloat16 weights");
  }
  for (const char* key :
       {"num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size"}) {
    if (config.has(key)) config.refuse(key, "mixture-of-experts models are not supported");
  }
}

std::string read_architecture(const ConfigObject& config, const Family& family) {
  const std::string prefix(family.class_prefix);
  const std::vector<std::string> listed = config.texts("architectures");
  const std::string architecture =
      !listed.empty() ? listed.front() : config.text_or("architecture", prefix + "ForCausalLM");
  const bool is_supported =
      architecture.ends_with("ForScore") || architecture == prefix + kClassifier ||
      architecture == prefix + "ForCausalLM" || architecture == prefix + "Model";
  if (!is_supported) {
    config.refuse(listed.empty() ? "architecture" : "architectures",
                  "supported for model_type " + std::string(family.model_type) + " are " + prefix +
                      "ForCausalLM, " + prefix + "Model, " + prefix + "ForScore, " + prefix +
                      "ModelForScore and " + prefix + kClassifier);
  }
  return architecture;
}

void read_sizes(const ConfigObject& config, const Family& family, ModelConfig& model) {
  model.hidden_size = config.integer("hidden_size", 1, kWidest);
  model.intermediate_size = config.integer("intermediate_size", 1, kWidest);
  model.num_layers = config.integer("num_hidden_layers", 1, kMostLayers);
  model.num_heads = config.integer("num_attention_heads", 1, kWidest);
  model.vocab_size = config.integer("vocab_size", 1, kLargestVocab);
  model.max_positions =
      config.integer_or("max_position_embeddings", family.absent_max_positions, 1, kMostPositions);

  // A key that is there as null means "as many as heads" also where an absent key does not.
  const bool is_absent = !config.names("num_key_value_heads") && family.absent_kv_heads != 0;
  model.num_kv_heads =
      config.integer_or("num_key_value_heads", is_absent ? family.absent_kv_heads : model.num_heads,
                        1, model.num_heads);
  if (model.num_heads % model.num_kv_heads != 0) {
    config.refuse("num_key_value_heads",
                  "must divide num_attention_heads, which is " + std::to_string(model.num_heads));
  }
  if (!config.has("head_dim") && family.absent_head_dim == 0 &&
      model.hidden_size % model.num_heads != 0) {
    config.refuse("num_attention_heads", "must divide hidden_size, which is " +
                                             std::to_string(model.hidden_size) +
                                             ", where head_dim is not given");
  }
  const std::int64_t absent_head_dim =
      family.absent_head_dim != 0 ? family.absent_head_dim : model.hidden_size / model.num_heads;
  model.head_dim = config.integer_or("head_dim", absent_head_dim, 1, kWidest);
  if (model.head_dim % 2 != 0) {
    config.refuse("head_dim", "wanted an even number, since rotary embeddings turn pairs; it is " +
                                  std::to_string(model.head_dim));
  }
}

RopeScaling read_llama3_scaling(const ConfigObject& config, const ConfigObject& rope,
                                std::int64_t max_positions) {
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::kLlama3;
  scaling.factor = rope.number("factor", 1.0, kLargestFactor);
  scaling.low_freq_factor = rope.number("low_freq_factor", 1e-9, kLargestFactor);
  scaling.high_freq_factor = rope.number("high_freq_factor", 1e-9, kLargestFactor);
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.refuse("high_freq_factor", "must be greater than low_freq_factor");
  }
  constexpr const char* kKey = "original_max_position_embeddings";
  const std::int64_t nested = rope.integer_or(kKey, max_positions, 1, kMostPositions);
  scaling.original_max_position_embeddings = config.integer_or(kKey, nested, 1, kMostPositions);
  return scaling;
}

RopeScaling read_rope_scaling(const ConfigObject& config, const ConfigObject& rope,
                              std::int64_t max_positions) {
  const std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (type == "default") return {};
  if (type == "llama3") return read_llama3_scaling(config, rope, max_positions);
  if (type != "linear") {
    rope.refuse(rope.has("rope_type") ? "rope_type" : "type",
                "supported are default, linear and llama3");
  }
  RopeScaling scaling;
  scaling.type = RopeScaling::Type::kLinear;
  scaling.factor = rope.number("factor", 1.0, kLargestFactor);
  return scaling;
}

/// transformers 5 writes rope_parameters, 4 writes rope_theta and rope_scaling; where both are
/// there, a rope_scaling that says something wins, as in transformers.
void read_rope(const ConfigObject& config, ModelConfig& model) {
  constexpr double kDefaultTheta = 10000.0;
  constexpr double kLargestTheta = 1e15;
  model.rope_theta = config.number_or("rope_theta", kDefaultTheta, 1.0, kLargestTheta);
  if (config.number_or("partial_rotary_factor", 1.0, 0.0, 1.0) != 1.0) {
    config.refuse("partial_rotary_factor", "supported is 1");
  }
  auto rope = config.object("rope_scaling");
  if (!rope || rope->json().empty()) rope = config.object("rope_parameters");
  if (!rope) return;
  for (const char* layer_type : {"full_attention", "sliding_attention"}) {
    if (rope->has(layer_type)) {
      rope->refuse(layer_type, "rotary parameters by layer type are not supported");
    }
  }
  if (rope->number_or("partial_rotary_factor", 1.0, 0.0, 1.0) != 1.0) {
    rope->refuse("partial_rotary_factor", "supported is 1");
  }
  model.rope_theta = rope->number_or("rope_theta", model.rope_theta, 1.0, kLargestTheta);
  model.rope_scaling = read_rope_scaling(config, *rope, model.max_positions);
}

void read_biases(const ConfigObject& config, const Family& family, ModelConfig& model) {
  const bool attention_bias =
      family.obeys_attention_bias && config.boolean_or("attention_bias", false);
  model.qkv_bias = attention_bias || family.always_has_qkv_bias;
  model.o_bias = attention_bias;
  model.mlp_bias = family.obeys_mlp_bias && config.boolean_or("mlp_bias", false);
  model.qk_norm = family.has_qk_norm;
}

/// Whether any layer looks through the window, for families where layers differ.
bool has_window_layer(const ConfigObject& config, const ModelConfig& model) {
  const std::vector<std::string> layer_types = config.texts("layer_types");
  if (layer_types.empty()) {
    return config.integer_or("max_window_layers", 28, 0, kWidest) < model.num_layers;
  }
  for (const std::string& type : layer_types) {
    if (type != "full_attention" && type != "sliding_attention") {
      config.refuse("layer_types", "supported are full_attention and sliding_attention");
    }
  }
  return std::find(layer_types.begin(), layer_types.end(), "sliding_attention") !=
         layer_types.end();
}

void read_window(const ConfigObject& config, const Family& family, ModelConfig& model) {
  constexpr std::int64_t kAbsentWindow = 4096;
  if (family.model_type == "llama") return;
  if (family.window_needs_switch &&
      (!config.boolean_or("use_sliding_window", false) || !has_window_layer(config, model))) {
    return;
  }
  if (config.names("sliding_window") && !config.has("sliding_window")) return;
  const std::int64_t window = config.integer_or("sliding_window", kAbsentWindow, 1, kMostPositions);
  if (window < model.max_positions) model.sliding_window = window;
}

std::optional<std::int32_t> read_token_id(const ConfigObject& config, const std::string& key,
                                          std::optional<std::int32_t> absent) {
  if (!config.names(key)) return absent;
  const nlohmann::json* const value = config.find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_array()) {  // several ids end a text; the first is the one templates append
    if (value->empty()) return std::nullopt;
    const nlohmann::json first = {{key, value->front()}};
    return read_token_id(ConfigObject(first, config.file()), key, absent);
  }
  // Some Llama 1 conversions say -1 for "no padding token".
  const std::int64_t id = config.integer(key, -1, kLargestTokenId);
  return id < 0 ? std::nullopt : std::optional(static_cast<std::int32_t>(id));
}

std::string read_choice(const ConfigObject& config, const std::string& key,
                        const std::string& absent, const std::vector<std::string>& choices) {
  const std::string value = config.text_or(key, absent);
  if (value == absent || std::find(choices.begin(), choices.end(), value) != choices.end()) {
    return value;
  }
  std::string wanted = "supported are ";
  for (const std::string& choice : choices) {
    wanted += (&choice == &choices.front() ? "" : ", ") + choice;
  }
  config.refuse(key, wanted);
}

ScoreHeadConfig read_score_head(const ConfigObject& config) {
  ScoreHeadConfig head;
  head.score_type = read_choice(config, "score_type", "reward", {"reward", "cost"});
  head.has_bias = config.boolean_or("score_bias", config.boolean_or("bias", true));
  head.score_dim = config.integer_or("score_dim", 1, 1, 1);
  head.do_normalize = config.boolean_or("do_normalize", false);
  head.normalizer_type =
      read_choice(config, "normalizer_type", "", {"RunningMeanStd", "ExponentialMovingAverage"});
  head.normalize_function =
      read_choice(config, "normalize_function", head.score_type == "reward" ? "affine" : "scale",
                  {"affine", "scale", "translate", "identity"});
  head.momentum = config.number_or("momentum", 0.9, 0.0, 1.0);
  return head;
}

/// transformers leaves id2label out where there are two labels.
ScoreHeadConfig read_classifier(const ConfigObject& config) {
  constexpr const char* kWanted = "supported is one label (num_labels=1): the score";
  const auto labels = config.object("id2label");
  if (!labels && config.integer_or("num_labels", 2, 0, kWidest) != 1) {
    config.refuse(config.has("num_labels") ? "num_labels" : "id2label", kWanted);
  }
  if (labels && labels->json().size() != 1) config.refuse("id2label", kWanted);
  ScoreHeadConfig head;
  head.is_classifier = true;
  head.has_bias = false;
  return head;
}

}  // namespace

ModelConfig parse_model_config(const std::string& json_text, const std::string& where) {
  const nlohmann::json parsed = parse_strict_json(json_text, where);
  const ConfigObject config(parsed, where);
  const Family& family = find_family(config);
  refuse_unsupported(config);

  ModelConfig model;
  model.model_type = family.model_type;
  model.architecture = read_architecture(config, family);
  read_sizes(config, family, model);
  model.rms_norm_eps = config.number_or("rms_norm_eps", 1e-6, 0.0, 1.0);
  read_rope(config, model);
  read_biases(config, family, model);
  read_window(config, family, model);
  model.tie_word_embeddings = config.boolean_or("tie_word_embeddings", false);
  const bool has_ids = family.has_default_ids;
  model.bos_token_id =
      read_token_id(config, "bos_token_id", has_ids ? std::optional(1) : std::nullopt);
  model.eos_token_id =
      read_token_id(config, "eos_token_id", has_ids ? std::optional(2) : std::nullopt);
  model.pad_token_id = read_token_id(config, "pad_token_id", std::nullopt);
  if (model.architecture.ends_with(kClassifier)) {
    model.score_head = read_classifier(config);
  } else if (model.architecture.ends_with("ForScore") || config.has("score_type") ||
             config.has("score_dim")) {
    model.score_head = read_score_head(config);
  }
  return model;
}

ModelConfig load_model_config(const std::string& model_dir) {
  const std::string path = model_dir + "/config.json";
  return parse_model_config(read_small_file(path), path);
}

}  // namespace midpo
