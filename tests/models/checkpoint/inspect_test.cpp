// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/inspect.h"

#include <gmock/gmock.h>

#include "models/checkpoint/expected_tensors.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Tensors = std::vector<std::pair<std::string, std::vector<int>>>;

constexpr const char* kTinyConfig = R"({"model_type":"llama","hidden_size":8,"intermediate_size":6,
    "num_hidden_layers":2,"num_attention_heads":2,"vocab_size":9)";

std::string config_text(const std::string& more = "") { return kTinyConfig + more + "}"; }

/// What the config asks for, without the optional tensors.
Tensors needed(const std::string& config) {
  Tensors tensors;
  for (const ExpectedTensor& tensor : expected_tensors(parse_model_config(config, "c"))) {
    if (!tensor.is_optional)
      tensors.push_back({tensor.name, {tensor.shape.begin(), tensor.shape.end()}});
  }
  return tensors;
}

InspectReport inspect_model(const std::string& config, const Tensors& tensors) {
  const TemporaryFolder dir;
  dir.write("config.json", config);
  dir.write("model.safetensors", test::float_tensors(tensors));
  return inspect_path(dir.path(), false);
}

TEST(ExpectedTensors, AreThoseOfALlama) {
  const Tensors tensors = needed(config_text());
  EXPECT_EQ(tensors.size(), 1U + 2 * 9 + 2);
  EXPECT_EQ(tensors.front().first, "model.embed_tokens.weight");
  EXPECT_EQ(tensors.back().first, "lm_head.weight");
}

TEST(ExpectedTensors, LeaveOutATiedHead) {
  EXPECT_EQ(needed(config_text(R"(,"tie_word_embeddings":true)")).back().first,
            "model.norm.weight");
}

TEST(ExpectedTensors, OfABareTrunkHaveNoPrefix) {
  const Tensors tensors = needed(config_text(R"(,"architectures":["LlamaModel"])"));
  EXPECT_EQ(tensors.front().first, "embed_tokens.weight");
  EXPECT_EQ(tensors.back().first, "norm.weight");
}

TEST(ExpectedTensors, OfAScoreModelEndInItsHead) {
  const Tensors tensors = needed(config_text(R"(,"architectures":["LlamaForScore"])"));
  EXPECT_EQ(tensors.back(), (std::pair<std::string, std::vector<int>>{"score_head.bias", {1}}));
}

TEST(ExpectedTensors, IncludeTheNormalizerWhereItIsUsed) {
  const Tensors tensors = needed(config_text(R"(,"score_dim":1,"do_normalize":true)"));
  EXPECT_EQ(tensors.back(), (std::pair<std::string, std::vector<int>>{"normalizer.var", {1}}));
}

TEST(Inspect, AcceptsACompleteModel) {
  const InspectReport report = inspect_model(config_text(), needed(config_text()));
  EXPECT_TRUE(report.is_valid) << report.text;
  EXPECT_THAT(report.text, HasSubstr("LlamaForCausalLM (llama)"));
  EXPECT_THAT(report.text, HasSubstr("model.layers.{0..1}.mlp.down_proj.weight"));
  EXPECT_THAT(report.text, HasSubstr("[8, 6] F32"));
  EXPECT_THAT(report.text, HasSubstr("F32 (21)"));
}

TEST(Inspect, NamesMissingTensorsByGroup) {
  Tensors tensors = needed(config_text());
  std::erase_if(tensors,
                [](const auto& tensor) { return tensor.first.ends_with("up_proj.weight"); });
  const InspectReport report = inspect_model(config_text(), tensors);
  EXPECT_FALSE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("missing tensor model.layers.{0..1}.mlp.up_proj.weight"));
}

TEST(Inspect, NamesTensorsOfAWrongShape) {
  Tensors tensors = needed(config_text());
  tensors[0].second = {10, 8};
  const InspectReport report = inspect_model(config_text(), tensors);
  EXPECT_FALSE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("model.embed_tokens.weight: shape [10, 8], wanted [9, 8]"));
}

TEST(Inspect, NamesIntegerWeights) {
  const TemporaryFolder dir;
  dir.write("config.json", config_text(R"(,"architectures":["LlamaModel"])"));
  dir.write(
      "model.safetensors",
      test::safetensors("{" + test::entry("norm.weight", "I8", "[8]", 0, 8) + "}", "12345678"));
  EXPECT_THAT(inspect_path(dir.path(), false).text,
              HasSubstr("norm.weight: I8, wanted floating point"));
}

TEST(Inspect, MentionsUnexpectedTensorsButAcceptsThem) {
  Tensors tensors = needed(config_text());
  tensors.push_back({"extra.0.w", {1}});
  const InspectReport report = inspect_model(config_text(), tensors);
  EXPECT_TRUE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("unexpected    extra.0.w"));
}

TEST(Inspect, DoesNotMindAnUnreadTensorOfAnotherShape) {
  const std::string config = config_text(R"(,"score_dim":1)");
  Tensors tensors = needed(config);
  tensors.push_back({"lm_head.weight", {10, 8}});
  const InspectReport report = inspect_model(config, tensors);
  EXPECT_TRUE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("unexpected    lm_head.weight"));
}

TEST(Inspect, ReportsABadConfigAndStillListsTheTensors) {
  const InspectReport report =
      inspect_model(config_text(R"(,"hidden_act":"gelu")"), needed(config_text()));
  EXPECT_FALSE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("hidden_act is \"gelu\""));
  EXPECT_THAT(report.text, HasSubstr("model.norm.weight"));
}

TEST(Inspect, ReportsGitLfsPointers) {
  const TemporaryFolder dir;
  dir.write("config.json", config_text());
  dir.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
  const InspectReport report = inspect_path(dir.path(), false);
  EXPECT_FALSE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("Git LFS pointer"));
}

TEST(Inspect, DescribesAdapters) {
  const TemporaryFolder dir;
  dir.write("adapter_config.json", R"({"peft_type":"LORA","r":2,"lora_alpha":4})");
  dir.write("adapter_model.safetensors",
            test::float_tensors({{"base_model.model.a.0.down_proj.lora_A.weight", {2, 3}},
                                 {"base_model.model.a.0.down_proj.lora_B.weight", {3, 2}}}));
  const InspectReport report = inspect_path(dir.path(), false);
  EXPECT_TRUE(report.is_valid) << report.text;
  EXPECT_THAT(report.text, HasSubstr("adapts        a.0.down_proj"));
}

TEST(Inspect, DescribesSingleFiles) {
  const TemporaryFolder dir;
  const InspectReport report =
      inspect_path(dir.write("x.safetensors", test::float_tensors({{"a", {1000, 2}}})), false);
  EXPECT_TRUE(report.is_valid);
  EXPECT_THAT(report.text, HasSubstr("parameters    2,000"));
}

TEST(Inspect, ReportsWhatIsNotThere) {
  EXPECT_FALSE(inspect_path("/nonexistent/model", false).is_valid);
}

TEST(Inspect, KeepsControlCharactersFromTheTerminal) {
  const TemporaryFolder dir;
  const std::string file =
      test::safetensors("{" + test::entry("\\u001b[2J", "U8", "[0]", 0, 0) + "}");
  EXPECT_THAT(inspect_path(dir.write("x.safetensors", file), false).text, Not(HasSubstr("\x1b")));
}

TEST(Inspect, GroupsOnlyNeighbouringLayersIntoRanges) {
  const TemporaryFolder dir;
  const std::string file =
      test::float_tensors({{"a.0.w", {1}}, {"a.1.w", {1}}, {"a.3.w", {1}}, {"a.2.w", {2}}});
  const std::string text = inspect_path(dir.write("x.safetensors", file), false).text;
  EXPECT_THAT(text, HasSubstr("a.{0..1,3}.w"));
  EXPECT_THAT(text, HasSubstr("a.2.w"));
}

}  // namespace
}  // namespace midpo
