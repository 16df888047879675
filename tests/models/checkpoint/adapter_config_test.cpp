// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/adapter_config.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using test::refusal;
using ::testing::HasSubstr;

using Tensors = std::vector<std::pair<std::string, std::vector<int>>>;

std::string lora(const std::string& module, const std::string& side) {
  return "base_model.model." + module + ".lora_" + side + ".weight";
}

const Tensors kTwoModules = {{lora("model.layers.0.mlp.down_proj", "A"), {4, 9}},
                             {lora("model.layers.0.mlp.down_proj", "B"), {6, 4}},
                             {lora("model.layers.1.mlp.down_proj", "A"), {4, 9}},
                             {lora("model.layers.1.mlp.down_proj", "B"), {6, 4}}};

AdapterConfig load(const std::string& patch, const Tensors& tensors = kTwoModules) {
  const TemporaryFolder dir;
  nlohmann::json config = {{"peft_type", "LORA"},
                           {"r", 4},
                           {"lora_alpha", 8},
                           {"target_modules", {"down_proj"}},
                           {"base_model_name_or_path", "base"}};
  config.merge_patch(nlohmann::json::parse(patch));
  dir.write("adapter_config.json", config.dump());
  dir.write("adapter_model.safetensors", test::float_tensors(tensors));
  return load_adapter_config(dir.path(), false);
}

std::string refusal_of(const std::string& patch, const Tensors& tensors = kTwoModules) {
  return refusal([&] { load(patch, tensors); });
}

TEST(AdapterConfig, ListsEveryAdaptedModule) {
  const AdapterConfig adapter = load("{}");
  EXPECT_EQ(adapter.base_model_name, "base");
  ASSERT_EQ(adapter.targets.size(), 2U);
  EXPECT_EQ(adapter.targets[1].module, "model.layers.1.mlp.down_proj");
  EXPECT_EQ(adapter.targets[1].rank, 4);
  EXPECT_EQ(adapter.targets[1].scale, 2.0);
  EXPECT_EQ(adapter.targets[1].b_tensor, lora("model.layers.1.mlp.down_proj", "B"));
}

TEST(AdapterConfig, ScalesByTheRootOfTheRankWithRslora) {
  EXPECT_EQ(load(R"({"use_rslora":true})").targets[0].scale, 4.0);
}

TEST(AdapterConfig, HonoursRankAndAlphaPatterns) {
  Tensors tensors = kTwoModules;
  tensors[0].second = {2, 9};
  tensors[1].second = {6, 2};
  const AdapterConfig adapter = load(
      R"({"rank_pattern":{"layers.0.mlp.down_proj":2},
          "alpha_pattern":{"^model.layers.1.mlp.down_proj":1}})",
      tensors);
  EXPECT_EQ(adapter.targets[0].rank, 2);
  EXPECT_EQ(adapter.targets[0].scale, 4.0);
  EXPECT_EQ(adapter.targets[1].scale, 0.25);
}

TEST(AdapterConfig, MatchesPatternsAtWholeComponents) {
  EXPECT_EQ(load(R"({"alpha_pattern":{"proj":1,"own_proj":1}})").targets[0].scale, 2.0);
}

TEST(AdapterConfig, RefusesPatternsThatDisagree) {
  EXPECT_THAT(refusal_of(R"({"alpha_pattern":{"down_proj":1,"mlp.down_proj":2}})"),
              HasSubstr("another key gives module"));
}

TEST(AdapterConfig, RefusesExpressionsAsPatterns) {
  EXPECT_THAT(refusal_of(R"({"rank_pattern":{"layers\\.\\d+\\.mlp":2}})"),
              HasSubstr("expressions as keys"));
}

TEST(AdapterConfig, ReadsNamesWithTheAdaptersOwnName) {
  const std::string module = "base_model.model.m";
  EXPECT_EQ(load("{}", {{module + ".lora_A.default.weight", {4, 9}},
                        {module + ".lora_B.default.weight", {6, 4}}})
                .targets[0]
                .module,
            "m");
}

struct Refused {
  const char* patch;
  const char* reason;
};

class RefusedAdapter : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedAdapter, NamesTheKey) {
  EXPECT_THAT(refusal_of(GetParam().patch), HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, RefusedAdapter,
    ::testing::Values(Refused{R"({"peft_type":"ADALORA"})", "peft_type is \"ADALORA\""},
                      Refused{R"({"peft_type":null})", "peft_type missing"},
                      Refused{R"({"use_dora":true})", "use_dora is true"},
                      Refused{R"({"bias":"all"})", "bias is \"all\""},
                      Refused{R"({"modules_to_save":["lm_head"]})",
                              "modules_to_save is [\"lm_head\"]"},
                      Refused{R"({"fan_in_fan_out":true})", "fan_in_fan_out is true"},
                      Refused{R"({"lora_bias":true})", "lora_bias is true"},
                      Refused{R"({"layer_replication":[[0,1]]})", "layer_replication"},
                      Refused{R"({"init_lora_weights":"pissa_niter_4"})", "init_lora_weights"},
                      Refused{R"({"r":0})", "r is 0"}, Refused{R"({"r":8})", "wanted rank 8"},
                      Refused{R"({"lora_alpha":"8"})", "lora_alpha"}));

TEST(AdapterConfig, AcceptsTheSameKeysUnset) {
  EXPECT_NO_THROW(
      load(R"({"use_dora":false,"bias":"none","modules_to_save":[],"layer_replication":[],
                           "arrow_config":null,"init_lora_weights":true})"));
}

TEST(AdapterConfig, RefusesATensorWithoutItsTwin) {
  EXPECT_THAT(refusal_of("{}", {{lora("m", "A"), {4, 9}}}), HasSubstr("lacks its twin lora_B"));
  EXPECT_THAT(refusal_of("{}", {{lora("m", "B"), {9, 4}}}), HasSubstr("lacks its twin lora_A"));
}

TEST(AdapterConfig, RefusesShapesOfAnotherRank) {
  EXPECT_THAT(refusal_of("{}", {{lora("m", "A"), {4, 9}}, {lora("m", "B"), {6, 5}}}),
              HasSubstr("B [6, 5], wanted rank 4"));
  EXPECT_THAT(refusal_of("{}", {{lora("m", "A"), {4}}, {lora("m", "B"), {6, 4}}}),
              HasSubstr("A [4]"));
}

TEST(AdapterConfig, RefusesTensorsItWouldNotApply) {
  Tensors tensors = kTwoModules;
  tensors.push_back({"base_model.model.norm.weight", {3}});
  EXPECT_THAT(refusal_of("{}", tensors), HasSubstr("\"base_model.model.norm.weight\" is none"));
}

TEST(AdapterConfig, SaysHowToLeaveOutTheBasesOwnWeights) {
  for (const char* name :
       {"base_model.model.lm_head.base_layer.weight", "base_model.model.lm_head.weight",
        "base_model.model.model.embed_tokens.weight"}) {
    Tensors tensors = kTwoModules;
    tensors.push_back({name, {3, 3}});
    EXPECT_THAT(refusal_of("{}", tensors), HasSubstr("save_embedding_layers=False")) << name;
  }
}

TEST(AdapterConfig, RefusesAnEmptyAdapter) {
  EXPECT_THAT(refusal_of("{}", {}), HasSubstr("adapts no module"));
}

TEST(AdapterConfig, AsksForPermissionToReadPickles) {
  const TemporaryFolder dir;
  dir.write("adapter_config.json", "{}");
  EXPECT_THAT(refusal([&] { load_adapter_config(dir.path(), false); }),
              HasSubstr("holds no adapter_model"));
  dir.write("adapter_model.bin", "");
  EXPECT_THAT(refusal([&] { load_adapter_config(dir.path(), false); }),
              HasSubstr("--allow-pickle"));
}

}  // namespace
}  // namespace midpo
