// SPDX-License-Identifier: Apache-2.0
#include "models/export/merged_export.h"

#include <gmock/gmock.h>

#include "models/export/float_values.h"
#include "tests/models/export/small_parts.h"
#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

class MergedExportTest : public ::testing::Test {
 protected:
  MergedExportTest() { write_adapter(parts_.file("expert"), parts_.expert()); }

  MergedExport merged() const { return {parts_.file("base"), {{parts_.file("expert"), {}}}}; }

  std::vector<float> written(const std::string& name) const {
    const auto weights = open_model_weights(parts_.file("out"), false);
    return float_values(weights->require_tensor(name));
  }

  std::string refusal(const MergedExport& model) const {
    return error_text(ErrorCode::kCheckpoint, [&] {
      export_merged(parts_.file("out"), model, ExistingFolder::kReplaceOwn);
    });
  }

  test::SmallParts parts_;
};

TEST_F(MergedExportTest, AddsTheUpdateToItsModuleOnly) {
  export_merged(parts_.file("out"), merged(), ExistingFolder::kReplaceOwn);
  EXPECT_THAT(written(test::down_projection(1) + ".weight"), Each(1.5F));
  EXPECT_THAT(written("model.layers.1.mlp.up_proj.weight"), Each(0.5F));
}

TEST_F(MergedExportTest, WeighsAnAdapterByLayer) {
  MergedExport model = merged();
  model.adapters[0].weights = {0.25, -1.0};
  export_merged(parts_.file("out"), model, ExistingFolder::kReplaceOwn);
  EXPECT_THAT(written(test::down_projection(0) + ".weight"), Each(0.75F));
  EXPECT_THAT(written(test::down_projection(1) + ".weight"), Each(-0.5F));
}

TEST_F(MergedExportTest, StoresTheTypeAskedFor) {
  MergedExport model = merged();
  model.type = StoredType::kBFloat16;
  export_merged(parts_.file("out"), model, ExistingFolder::kReplaceOwn);
  const auto weights = open_model_weights(parts_.file("out"), false);
  for (const StoredTensor& tensor : weights->tensors()) {
    EXPECT_EQ(tensor.type, StoredType::kBFloat16) << tensor.name;
  }
  EXPECT_THAT(parts_.read("out/config.json"), HasSubstr(R"("torch_dtype": "bfloat16")"));
}

TEST_F(MergedExportTest, RefusesWhatTheTypeCannotHold) {
  MergedExport model = merged();
  model.type = StoredType::kFloat16;
  model.adapters[0].weights = {1.0, 70'000.0};
  EXPECT_THAT(refusal(model), HasSubstr("layers.1.mlp.down_proj.weight\" merged holds 70000.5"));
  EXPECT_FALSE(std::filesystem::exists(parts_.file("out")));
}

TEST_F(MergedExportTest, RefusesAnAdapterOfAnotherShape) {
  AdapterToWrite expert = parts_.expert();
  expert.factors[1].in_features = 5;
  write_adapter(parts_.file("expert"), expert);
  EXPECT_THAT(refusal(merged()), HasSubstr("update of shape [8, 5]"));
  EXPECT_FALSE(std::filesystem::exists(parts_.file("out")));
}

TEST_F(MergedExportTest, RefusesAnAdapterOfAnotherModel) {
  AdapterToWrite expert = parts_.expert();
  expert.factors[1].module = "model.layers.2.mlp.down_proj";
  write_adapter(parts_.file("expert"), expert);
  EXPECT_THAT(refusal(merged()), HasSubstr("does not have; was it trained on another base"));
}

TEST_F(MergedExportTest, RefusesAnAdapterOfATiedHead) {
  parts_.write_base(test::base_config(R"(,"tie_word_embeddings":true)"));
  AdapterToWrite expert = parts_.expert();
  expert.factors[1] = {"lm_head", 8, 9, expert.factors[0].a, expert.factors[0].b};
  write_adapter(parts_.file("expert"), expert);
  EXPECT_THAT(refusal(merged()), HasSubstr("lm_head"));
}

TEST_F(MergedExportTest, RefusesABaseThatIsNotWhole) {
  const auto weights = open_model_weights(parts_.file("base"), false);
  std::vector<TensorToWrite> tensors;
  for (const StoredTensor& tensor : weights->tensors()) {
    if (tensor.name != "model.norm.weight") tensors.push_back(copy_of(tensor));
  }
  write_safetensors(parts_.file("base/model.safetensors"), tensors);
  EXPECT_THAT(refusal(merged()), HasSubstr("the first is model.norm.weight"));
}

}  // namespace
}  // namespace midpo
