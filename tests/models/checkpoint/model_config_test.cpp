// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_config.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Json = nlohmann::json;

/// The least config of a family, changed by a merge patch ("null" takes a key away).
ModelConfig parse(const std::string& model_type, const std::string& patch = "{}") {
  const std::string prefix = model_type == "llama"     ? "Llama"
                             : model_type == "mistral" ? "Mistral"
                             : model_type == "qwen2"   ? "Qwen2"
                                                       : "Qwen3";
  Json config = {{"model_type", model_type}, {"architectures", {prefix + "ForCausalLM"}},
                 {"hidden_size", 128},       {"intermediate_size", 256},
                 {"num_hidden_layers", 2},   {"num_attention_heads", 32},
                 {"vocab_size", 100}};
  config.merge_patch(Json::parse(patch));
  return parse_model_config(config.dump(), "m/config.json");
}

/// As parse, but the patch's values are put in as they are, null included.
ModelConfig parse_with(const std::string& model_type, const std::string& key, const Json& value) {
  Json config = {{"model_type", model_type},  {"hidden_size", 128},
                 {"intermediate_size", 256},  {"num_hidden_layers", 2},
                 {"num_attention_heads", 32}, {"vocab_size", 100}};
  config[key] = value;
  return parse_model_config(config.dump(), "m/config.json");
}

std::string refusal_of(const std::string& patch, const std::string& model_type = "llama") {
  return refusal([&] { parse(model_type, patch); });
}

TEST(ModelConfig, FillsInLlamaDefaults) {
  const ModelConfig config = parse("llama");
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_EQ(config.head_dim, 4);
  EXPECT_EQ(config.max_positions, 2048);
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(config.rope_theta, 10000.0);
  EXPECT_FALSE(config.qkv_bias || config.o_bias || config.mlp_bias || config.qk_norm);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.eos_token_id, 2);
  EXPECT_EQ(config.pad_token_id, std::nullopt);
  EXPECT_EQ(config.score_head.has_value(), false);
}

TEST(ModelConfig, FillsInMistralDefaults) {
  const ModelConfig config = parse("mistral");
  EXPECT_EQ(config.num_kv_heads, 8);
  EXPECT_EQ(config.max_positions, 131072);
  EXPECT_EQ(config.sliding_window, 4096);
}

TEST(ModelConfig, FillsInQwen2Defaults) {
  const ModelConfig config = parse("qwen2");
  EXPECT_EQ(config.num_kv_heads, 32);
  EXPECT_EQ(config.max_positions, 32768);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_FALSE(config.o_bias);
  EXPECT_EQ(config.sliding_window, std::nullopt);
  EXPECT_EQ(config.eos_token_id, std::nullopt);
}

TEST(ModelConfig, FillsInQwen3Defaults) {
  const ModelConfig config = parse("qwen3");
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_TRUE(config.qk_norm);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_TRUE(parse("qwen3", R"({"attention_bias":true})").o_bias);
}

TEST(ModelConfig, TakesNullKeyValueHeadsAsOnePerHead) {
  EXPECT_EQ(parse_with("mistral", "num_key_value_heads", nullptr).num_kv_heads, 32);
}

TEST(ModelConfig, AppliesLlamaAttentionBiasToAllFourProjections) {
  const ModelConfig config = parse("llama", R"({"attention_bias":true,"mlp_bias":true})");
  EXPECT_TRUE(config.qkv_bias && config.o_bias && config.mlp_bias);
}

TEST(ModelConfig, IgnoresBiasKeysWhereTheFamilyDoes) {
  EXPECT_FALSE(parse("mistral", R"({"attention_bias":true,"mlp_bias":true})").qkv_bias);
}

TEST(ModelConfig, ReadsRopeOfTransformers4) {
  const ModelConfig config =
      parse("llama", R"({"rope_theta":500000.0,"max_position_embeddings":131072,
      "rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
                      "original_max_position_embeddings":8192,"rope_type":"llama3"}})");
  EXPECT_EQ(config.rope_theta, 500000.0);
  EXPECT_EQ(config.rope_scaling.type, RopeScaling::Type::kLlama3);
  EXPECT_EQ(config.rope_scaling.factor, 8.0);
  EXPECT_EQ(config.rope_scaling.original_max_position_embeddings, 8192);
}

TEST(ModelConfig, ReadsRopeOfTransformers5) {
  const ModelConfig config =
      parse("llama", R"({"rope_parameters":{"rope_theta":7.5e5,"rope_type":"linear","factor":2}})");
  EXPECT_EQ(config.rope_theta, 7.5e5);
  EXPECT_EQ(config.rope_scaling.type, RopeScaling::Type::kLinear);
  EXPECT_EQ(config.rope_scaling.factor, 2.0);
}

TEST(ModelConfig, ReadsTheFirstSpellingOfRopeType) {
  EXPECT_EQ(
      parse("llama", R"({"rope_scaling":{"type":"linear","factor":4.0}})").rope_scaling.factor,
      4.0);
}

TEST(ModelConfig, PutsRopeScalingBeforeRopeParameters) {
  const ModelConfig config = parse("llama", R"({"rope_parameters":{"rope_theta":5.0},
      "rope_scaling":{"rope_type":"linear","factor":2.0,"rope_theta":6.0}})");
  EXPECT_EQ(config.rope_theta, 6.0);
}

TEST(ModelConfig, TakesTheFirstOfSeveralEndTokens) {
  EXPECT_EQ(parse("llama", R"({"eos_token_id":[128001,128009]})").eos_token_id, 128001);
}

TEST(ModelConfig, TakesMinusOneAsNoPaddingToken) {
  EXPECT_EQ(parse("llama", R"({"pad_token_id":-1})").pad_token_id, std::nullopt);
}

TEST(ModelConfig, DropsAWindowThatReachesAllPositions) {
  EXPECT_EQ(
      parse("mistral", R"({"sliding_window":4096,"max_position_embeddings":4096})").sliding_window,
      std::nullopt);
  EXPECT_EQ(parse_with("mistral", "sliding_window", nullptr).sliding_window, std::nullopt);
}

TEST(ModelConfig, KeepsQwenWindowsOnlyWhereALayerUsesThem) {
  const std::string switched = R"("use_sliding_window":true,"sliding_window":64)";
  EXPECT_EQ(parse("qwen2", "{" + switched + "}").sliding_window, std::nullopt);
  EXPECT_EQ(parse("qwen2", "{" + switched + R"(,"max_window_layers":1})").sliding_window, 64);
  EXPECT_EQ(
      parse("qwen3", "{" + switched + R"(,"layer_types":["full_attention","sliding_attention"]})")
          .sliding_window,
      64);
  EXPECT_EQ(parse("qwen2", R"({"sliding_window":64,"max_window_layers":0})").sliding_window,
            std::nullopt);
}

TEST(ModelConfig, ReadsScoreModels) {
  const ModelConfig config =
      parse("llama", R"({"architectures":["LlamaForScore"],"score_type":"cost",
      "score_bias":false,"score_dim":1,"do_normalize":true,
      "normalizer_type":"ExponentialMovingAverage","momentum":0.8})");
  ASSERT_TRUE(config.score_head.has_value());
  EXPECT_EQ(config.score_head->score_type, "cost");
  EXPECT_FALSE(config.score_head->has_bias);
  EXPECT_TRUE(config.score_head->do_normalize);
  EXPECT_EQ(config.score_head->normalize_function, "scale");
  EXPECT_EQ(config.score_head->momentum, 0.8);
}

TEST(ModelConfig, TakesAffineNormalisationForRewards) {
  EXPECT_EQ(
      parse("llama", R"({"architectures":["LlamaModelForScore"]})").score_head->normalize_function,
      "affine");
}

TEST(ModelConfig, ReadsTheOlderSpellingOfTheScoreBias) {
  EXPECT_FALSE(parse("llama", R"({"score_type":"reward","bias":false})").score_head->has_bias);
  EXPECT_TRUE(parse("llama", R"({"score_type":"reward","bias":false,"score_bias":true})")
                  .score_head->has_bias);
}

TEST(ModelConfig, KnowsScoreModelsByTheirKeys) {
  EXPECT_TRUE(parse("llama", R"({"score_dim":1})").score_head.has_value());
}

struct Unsupported {
  const char* patch;
  const char* found;
  const char* wanted;
};

class UnsupportedConfig : public ::testing::TestWithParam<Unsupported> {};

TEST_P(UnsupportedConfig, NamesFileKeyValueAndWhatIsSupported) {
  EXPECT_THAT(refusal_of(GetParam().patch),
              AllOf(HasSubstr("m/config.json: "), HasSubstr(GetParam().found),
                    HasSubstr(GetParam().wanted)));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, UnsupportedConfig,
    ::testing::Values(
        Unsupported{R"({"model_type":"gemma"})", "model_type is \"gemma\"", "qwen3"},
        Unsupported{R"({"model_type":7})", "model_type is 7", "a string"},
        Unsupported{R"({"architectures":["LlamaForTokenClassification"]})",
                    "LlamaForTokenClassification", "LlamaForScore"},
        Unsupported{R"({"architectures":["MistralForCausalLM"]})", "MistralForCausalLM",
                    "LlamaForCausalLM"},
        Unsupported{R"({"hidden_act":"gelu"})", "hidden_act is \"gelu\"", "supported is silu"},
        Unsupported{R"({"quantization_config":{"bits":4}})", "quantization_config",
                    "not supported"},
        Unsupported{R"({"num_local_experts":8})", "num_local_experts is 8", "mixture-of-experts"},
        Unsupported{R"({"partial_rotary_factor":0.5})", "partial_rotary_factor is 0.5",
                    "supported is 1"},
        Unsupported{R"({"rope_parameters":{"partial_rotary_factor":0.5}})",
                    "rope_parameters.partial_rotary_factor is 0.5", "supported is 1"},
        Unsupported{R"({"rope_scaling":{"type":"yarn","factor":4.0}})",
                    "rope_scaling.type is \"yarn\"", "default, linear and llama3"},
        Unsupported{R"({"rope_scaling":{"rope_type":"dynamic","factor":4.0}})",
                    "rope_scaling.rope_type is \"dynamic\"", "default, linear and llama3"},
        Unsupported{R"({"rope_scaling":{"rope_type":"longrope"}})", "longrope", "llama3"},
        Unsupported{R"({"rope_scaling":{"rope_type":"linear"}})", "rope_scaling.factor missing",
                    "number"},
        Unsupported{R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,
                        "high_freq_factor":4}})",
                    "high_freq_factor", "greater than low_freq_factor"},
        Unsupported{R"({"rope_scaling":[]})", "rope_scaling is []", "an object"},
        Unsupported{R"({"rope_parameters":{"full_attention":{}}})", "full_attention",
                    "by layer type"},
        Unsupported{R"({"hidden_size":null})", "hidden_size missing", "an integer"},
        Unsupported{R"({"hidden_size":0})", "hidden_size is 0", "from 1"},
        Unsupported{R"({"hidden_size":-4})", "hidden_size is -4", "from 1"},
        Unsupported{R"({"hidden_size":128.0})", "hidden_size is 128.0", "an integer"},
        Unsupported{R"({"hidden_size":"128"})", "hidden_size is \"128\"", "an integer"},
        Unsupported{R"({"hidden_size":true})", "hidden_size is true", "an integer"},
        Unsupported{R"({"num_hidden_layers":4294967296})", "4294967296", "from 1 to 4096"},
        Unsupported{R"({"vocab_size":18446744073709551615})", "18446744073709551615", "an integer"},
        Unsupported{R"({"vocab_size":9223372036854775807})", "9223372036854775807", "an integer"},
        Unsupported{R"({"num_attention_heads":3})", "num_attention_heads is 3",
                    "must divide hidden_size"},
        Unsupported{R"({"num_key_value_heads":5})", "num_key_value_heads is 5", "must divide"},
        Unsupported{R"({"num_key_value_heads":64})", "num_key_value_heads is 64", "from 1 to 32"},
        Unsupported{R"({"head_dim":5})", "head_dim is 5", "even"},
        Unsupported{R"({"num_attention_heads":128})", "head_dim missing", "even"},
        Unsupported{R"({"rms_norm_eps":-1})", "rms_norm_eps is -1", "from 0"},
        Unsupported{R"({"rms_norm_eps":"1e-6"})", "rms_norm_eps", "a number"},
        Unsupported{R"({"rope_theta":0})", "rope_theta is 0", "from 1"},
        Unsupported{R"({"attention_bias":1})", "attention_bias is 1", "true or false"},
        Unsupported{R"({"eos_token_id":2147483648})", "eos_token_id is 2147483648", "an integer"},
        Unsupported{R"({"eos_token_id":[["x"]]})", "eos_token_id", "an integer"},
        Unsupported{R"({"score_type":"critic"})", "score_type is \"critic\"", "reward, cost"},
        Unsupported{R"({"score_dim":2})", "score_dim is 2", "from 1 to 1"},
        Unsupported{R"({"score_dim":1,"normalizer_type":"Batch"})", "normalizer_type is \"Batch\"",
                    "RunningMeanStd"},
        Unsupported{R"({"score_dim":1,"normalize_function":"log"})", "normalize_function",
                    "affine"}));

TEST(ModelConfig, RefusesOddLayerTypes) {
  EXPECT_THAT(
      refusal_of(R"({"use_sliding_window":true,"layer_types":["linear_attention"]})", "qwen3"),
      HasSubstr("supported are full_attention and sliding_attention"));
}

TEST(ModelConfig, RefusesADoubledKey) {
  EXPECT_THAT(
      refusal([] { parse_model_config(R"({"model_type":"llama","model_type":"qwen2"})", "c"); }),
      HasSubstr("has the key \"model_type\" twice"));
}

TEST(ModelConfig, AllowsTheSameKeyInDifferentObjects) {
  EXPECT_NO_THROW(parse("llama", R"({"a":{"x":1},"b":{"x":2},"c":[{"x":1},{"x":1}]})"));
}

TEST(ModelConfig, RefusesWhatIsNoJsonObject) {
  for (const char* text : {"", "[]", "7", "{", "{\"a\":1,}", "{\"a\":\"\xc3\"}", "{} {}"}) {
    EXPECT_THAT(refusal([&] { parse_model_config(text, "c"); }), HasSubstr("c: is not")) << text;
  }
}

TEST(ModelConfig, IsReadFromItsDirectory) {
  const TemporaryFolder dir;
  dir.write("config.json", R"({"model_type":"llama","hidden_size":8,"intermediate_size":8,
      "num_hidden_layers":1,"num_attention_heads":2,"vocab_size":9})");
  EXPECT_EQ(load_model_config(dir.path()).architecture, "LlamaForCausalLM");
  EXPECT_THAT(refusal([&] { load_model_config(dir.file("none")); }), HasSubstr("none/config.json"));
}

TEST(ModelConfig, TakesAClassifierOfOneLabelAsAScoreModel) {
  const ModelConfig config = parse(
      "llama", R"({"architectures":["LlamaForSequenceClassification"],"id2label":{"0":"L"}})");
  ASSERT_TRUE(config.score_head.has_value());
  EXPECT_TRUE(config.score_head->is_classifier);
  EXPECT_FALSE(config.score_head->has_bias);
}

TEST(ModelConfig, RefusesClassifiersOfOtherNumbersOfLabels) {
  const std::string classifier = R"("architectures":["LlamaForSequenceClassification"])";
  EXPECT_THAT(refusal_of("{" + classifier + "}"),
              AllOf(HasSubstr("m/config.json: id2label missing"), HasSubstr("num_labels=1")));
  EXPECT_THAT(refusal_of("{" + classifier + R"(,"id2label":{"0":"a","1":"b"}})"),
              HasSubstr("supported is one label"));
  EXPECT_THAT(refusal_of("{" + classifier + R"(,"num_labels":3})"), HasSubstr("num_labels is 3"));
}

}  // namespace
}  // namespace midpo
