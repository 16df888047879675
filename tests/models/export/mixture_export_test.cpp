// SPDX-License-Identifier: Apache-2.0
#include "models/export/mixture_export.h"

#include <gmock/gmock.h>

#include <cmath>

#include "models/checkpoint/strict_json.h"
#include "models/export/embedded_files.h"
#include "tests/models/export/small_parts.h"
#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MixtureExportTest : public ::testing::Test {
 protected:
  MixtureExportTest() {
    write_adapter(parts_.file("safety"), parts_.expert());
    write_adapter(parts_.file("helpfulness"), parts_.expert());
    write_router(parts_.file("router"), parts_.router());
  }

  void write_out() const {
    export_mixture(parts_.file("out"),
                   {parts_.file("base"), parts_.file("safety"), parts_.file("helpfulness"),
                    parts_.file("router")},
                   ExistingFolder::kReplaceOwn);
  }

  std::string refusal() const {
    const std::string text = error_text(ErrorCode::kCheckpoint, [&] { write_out(); });
    EXPECT_FALSE(std::filesystem::exists(parts_.file("out")));
    return text;
  }

  test::SmallParts parts_;
};

TEST_F(MixtureExportTest, HoldsBaseExpertsAndGates) {
  write_out();
  const auto weights = open_model_weights(parts_.file("out"), false);
  const std::string module = test::down_projection(1);
  EXPECT_THAT(weights->require_tensor(module + ".weight").shape, ElementsAre(8, 6));
  EXPECT_THAT(weights->require_tensor(module + ".safety.gate.weight").shape, ElementsAre(1, 6));
  EXPECT_THAT(weights->require_tensor(module + ".helpfulness.lora_B.weight").shape,
              ElementsAre(8, 2));
}

TEST_F(MixtureExportTest, NamesItsOwnClassesInTheConfig) {
  write_out();
  const auto config = parse_strict_json(parts_.read("out/config.json"), "config.json");
  EXPECT_EQ(config["model_type"], "midpo_llama");
  EXPECT_EQ(config["architectures"][0], "MidPOLlamaForCausalLM");
  EXPECT_EQ(config["auto_map"]["AutoModelForCausalLM"], "modeling_midpo.MidPOLlamaForCausalLM");
  EXPECT_EQ(config["midpo"]["safety"]["rank"], 2);
  EXPECT_EQ(config["midpo"]["helpfulness"]["scale"], 2.0);
  EXPECT_EQ(parts_.read("out/modeling_midpo.py"), kModelingPython);
}

TEST_F(MixtureExportTest, RefusesExpertsWithoutAGate) {
  AdapterToWrite expert = parts_.expert();
  expert.factors.push_back(
      {"model.layers.0.mlp.up_proj", 8, 6, expert.factors[0].a, expert.factors[0].b});
  write_adapter(parts_.file("safety"), expert);
  EXPECT_THAT(refusal(), HasSubstr("safety: adapts more than the down projections"));
}

TEST_F(MixtureExportTest, RefusesALayerWithoutAnExpert) {
  AdapterToWrite expert = parts_.expert();
  expert.factors.erase(expert.factors.begin());
  write_adapter(parts_.file("helpfulness"), expert);
  EXPECT_THAT(refusal(), HasSubstr("helpfulness: does not adapt model.layers.0.mlp.down_proj"));
}

TEST_F(MixtureExportTest, RefusesARouterOfAnotherScale) {
  RouterToWrite router = parts_.router();
  router.lora_scale = 1.0;
  write_router(parts_.file("router"), router);
  EXPECT_THAT(refusal(), HasSubstr("trained with experts of another scale"));
}

TEST_F(MixtureExportTest, RefusesAGateThatIsNotFinite) {
  RouterToWrite router = parts_.router();
  const float nan = std::nanf("");
  router.tensors.back().data = &nan;
  write_router(parts_.file("router"), router);
  EXPECT_THAT(refusal(), HasSubstr("the gate of \"layers.1.beta.0.weight\" is not finite"));
}

TEST_F(MixtureExportTest, RefusesARouterOfAnotherBase) {
  RouterToWrite router = parts_.router();
  router.base_model_hash = std::string(32, '0');
  write_router(parts_.file("router"), router);
  EXPECT_THAT(refusal(), HasSubstr("trained with another model than " + parts_.file("base")));
}

TEST_F(MixtureExportTest, RefusesARouterOfOtherSizes) {
  parts_.write_base(test::base_config(R"(,"num_key_value_heads":2)"));
  RouterToWrite router = parts_.router();
  router.num_layers = 1;
  router.tensors.resize(router.tensors.size() / 2);
  write_router(parts_.file("router"), router);
  EXPECT_THAT(refusal(), HasSubstr("has gates for 1 layers"));
}

}  // namespace
}  // namespace midpo
