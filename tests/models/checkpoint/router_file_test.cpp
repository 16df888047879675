// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/router_file.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using test::refusal;
using ::testing::HasSubstr;

using Tensors = std::vector<std::pair<std::string, std::vector<int>>>;

constexpr int kInputs = 6;
constexpr int kWidth = 3;

/// The tensors of one gate whose maps are called `maps`.
void add_gate(Tensors& tensors, const std::string& prefix,
              const std::vector<std::string>& maps = {"0", "1", "2"}) {
  tensors.push_back({prefix + maps[0] + ".weight", {kWidth, kInputs}});
  tensors.push_back({prefix + maps[0] + ".bias", {kWidth}});
  tensors.push_back({prefix + maps[1] + ".weight", {kInputs, kWidth}});
  tensors.push_back({prefix + maps[1] + ".bias", {kInputs}});
  tensors.push_back({prefix + maps[2] + ".weight", {1, kInputs}});
  tensors.push_back({prefix + maps[2] + ".bias", {1}});
}

Tensors own_tensors(int num_layers) {
  Tensors tensors;
  for (int layer = 0; layer < num_layers; ++layer) {
    add_gate(tensors, "layers." + std::to_string(layer) + ".alpha.");
    add_gate(tensors, "layers." + std::to_string(layer) + ".beta.");
  }
  return tensors;
}

const nlohmann::json kConfig = {{"format", "midpo-router"},     {"num_layers", 2},
                                {"intermediate_size", kInputs}, {"gate_width", kWidth},
                                {"base_model_hash", "abc"},     {"lora_scale", 2.0}};

RouterFile open_own(const Tensors& tensors, const std::string& patch = "{}") {
  const TemporaryFolder dir;
  nlohmann::json config = kConfig;
  config.merge_patch(nlohmann::json::parse(patch));
  dir.write("router_config.json", config.dump());
  dir.write("router.safetensors", test::float_tensors(tensors));
  return open_router(dir.path(), false);
}

RouterFile open_published(const Tensors& tensors) {
  const TemporaryFolder dir;
  // The reader tells formats by content, so a published file's names can be tested in this one.
  return open_router(dir.write("router.weights", test::float_tensors(tensors)), false);
}

TEST(RouterFile, ReadsSizesAndHashes) {
  const RouterFile router = open_own(own_tensors(2));
  EXPECT_EQ(router.config.num_layers, 2);
  EXPECT_EQ(router.config.intermediate_size, kInputs);
  EXPECT_EQ(router.config.gate_width, kWidth);
  EXPECT_EQ(router.config.base_model_hash, "abc");
  EXPECT_EQ(router.config.safety_adapter_hash, "");
  EXPECT_EQ(router.config.lora_scale, 2.0);
  ASSERT_EQ(router.layers.size(), 2U);
  EXPECT_EQ(router.layers[1].beta.weights[2], "layers.1.beta.2.weight");
}

TEST(RouterFile, NamesTheTensorThatALayerLacks) {
  Tensors tensors = own_tensors(2);
  tensors.pop_back();
  EXPECT_THAT(refusal([&] { open_own(tensors); }), HasSubstr("layers.1.beta.2.bias"));
}

TEST(RouterFile, RefusesFewerLayersThanItsConfigSays) {
  EXPECT_THAT(refusal([] { open_own(own_tensors(1)); }), HasSubstr("layers.1.alpha.0.weight"));
}

TEST(RouterFile, RefusesAMisshapenMap) {
  Tensors tensors = own_tensors(2);
  tensors[2].second = {kWidth, kInputs};
  EXPECT_THAT(refusal([&] { open_own(tensors); }), HasSubstr("wanted [6, 3]"));
}

TEST(RouterFile, RefusesAnotherFormat) {
  EXPECT_THAT(refusal([] { open_own(own_tensors(2), R"({"format":"x"})"); }), HasSubstr("format"));
}

TEST(RouterFile, SaysWhatAFolderWithoutRouterLacks) {
  const TemporaryFolder dir;
  EXPECT_THAT(refusal([&] { open_router(dir.path(), false); }), HasSubstr("router.safetensors"));
}

TEST(RouterFile, ReadsPublishedGatesWhateverTheirModulesAreCalled) {
  Tensors tensors;
  for (int layer = 0; layer < 11; ++layer) {
    const std::string name = "layer_" + std::to_string(layer);
    add_gate(tensors, name + "_alpha.", {"0", "1", "2"});
    add_gate(tensors, name + "_beta.", {"net.2", "net.9", "net.10"});
  }
  const RouterFile router = open_published(tensors);
  EXPECT_EQ(router.config.num_layers, 11);
  EXPECT_EQ(router.config.gate_width, kWidth);
  EXPECT_EQ(router.config.intermediate_size, kInputs);
  EXPECT_EQ(router.layers[10].beta.weights[2], "layer_10_beta.net.10.weight");
}

TEST(RouterFile, NamesThePublishedGateThatIsMissing) {
  Tensors tensors;
  add_gate(tensors, "layer_0_alpha.");
  EXPECT_THAT(refusal([&] { open_published(tensors); }), HasSubstr("layer_0_beta"));
}

TEST(RouterFile, RefusesAPublishedGateOfTwoMaps) {
  Tensors tensors;
  add_gate(tensors, "layer_0_alpha.");
  add_gate(tensors, "layer_0_beta.");
  tensors.resize(tensors.size() - 2);
  EXPECT_THAT(refusal([&] { open_published(tensors); }), HasSubstr("2 linear maps, wanted 3"));
}

}  // namespace
}  // namespace midpo
