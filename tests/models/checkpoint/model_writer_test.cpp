// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_writer.h"

#include <gmock/gmock.h>

#include "models/checkpoint/expected_tensors.h"
#include "models/checkpoint/inspect.h"
#include "models/checkpoint/strict_json.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

constexpr const char* kConfig = R"({"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2",
    "hidden_size":8,"intermediate_size":6,"num_hidden_layers":1,"num_attention_heads":2,
    "num_key_value_heads":1,"vocab_size":9,"torch_dtype":"bfloat16","rms_norm_eps":1e-05,
    "pad_token_id":null,"my_key":[1]})";

const std::vector<float> kValues(128, 0.25F);

/// A source folder, and the tensors of a model that descends from it.
class ModelWriter : public ::testing::Test {
 protected:
  ModelWriter() {
    source_ = parent_.file("source");
    std::filesystem::create_directory(source_);
    parent_.write("source/config.json", kConfig);
    parent_.write("source/tokenizer.json", "{\"t\":1}");
    parent_.write("source/generation_config.json", "{\"g\":1}");
    parent_.write("source/notes.txt", "not a part of the model");
  }

  static std::vector<TensorToWrite> tensors_of(const ModelConfig& config) {
    std::vector<TensorToWrite> tensors;
    for (const ExpectedTensor& tensor : expected_tensors(config)) {
      if (tensor.is_optional) continue;
      tensors.push_back({tensor.name, StoredType::kFloat32, tensor.shape, kValues.data()});
    }
    return tensors;
  }

  ModelToWrite language_model() const { return {source_, tensors_of(load_model_config(source_))}; }

  ScoreModelToWrite score_model() const {
    ScoreModelToWrite model;
    model.source_dir = source_;
    ModelConfig config = load_model_config(source_);
    config.score_head.emplace();
    model.tensors = tensors_of(config);
    model.head = *config.score_head;
    return model;
  }

  nlohmann::json written_config() const {
    return parse_strict_json(parent_.read("out/config.json"), "config.json");
  }

  TemporaryFolder parent_;
  std::string source_;
};

TEST_F(ModelWriter, WritesADirectoryThatLoads) {
  write_model(parent_.file("out"), language_model());
  const InspectReport report = inspect_path(parent_.file("out"), false);
  EXPECT_TRUE(report.is_valid) << report.text;
}

TEST_F(ModelWriter, KeepsTheSourcesConfigAndNamesTheNewType) {
  write_model(parent_.file("out"), language_model());
  nlohmann::json wanted = nlohmann::json::parse(kConfig);
  wanted["torch_dtype"] = "float32";
  EXPECT_EQ(written_config(), wanted);
}

TEST_F(ModelWriter, SpellsTheTypeAsTheSourceDoes) {
  nlohmann::json config = nlohmann::json::parse(kConfig);
  config.erase("torch_dtype");
  config["dtype"] = "float16";
  parent_.write("source/config.json", config.dump());
  write_model(parent_.file("out"), language_model());
  EXPECT_EQ(written_config()["dtype"], "float32");
  EXPECT_FALSE(written_config().contains("torch_dtype"));
}

TEST_F(ModelWriter, CopiesTheTokenizerAndNothingElse) {
  write_model(parent_.file("out"), language_model());
  EXPECT_EQ(parent_.read("out/tokenizer.json"), "{\"t\":1}");
  EXPECT_EQ(parent_.read("out/generation_config.json"), "{\"g\":1}");
  EXPECT_FALSE(std::filesystem::exists(parent_.file("out/notes.txt")));
}

TEST_F(ModelWriter, AppliesChangesOfTheConfig) {
  ModelToWrite model = language_model();
  model.config_changes = R"({"my_key":null,"new_key":2})";
  write_model(parent_.file("out"), model);
  EXPECT_TRUE(written_config()["my_key"].is_null());
  EXPECT_EQ(written_config()["new_key"], 2);
}

TEST_F(ModelWriter, RefusesToLeaveATensorOut) {
  ModelToWrite model = language_model();
  model.tensors.pop_back();
  EXPECT_THAT(error_text(ErrorCode::kInternal, [&] { write_model(parent_.file("out"), model); }),
              HasSubstr("lack tensor \"lm_head.weight\""));
  EXPECT_FALSE(std::filesystem::exists(parent_.file("out")));
}

TEST_F(ModelWriter, MakesAScoreModelOfALanguageModel) {
  write_score_model(parent_.file("out"), score_model());
  const InspectReport report = inspect_path(parent_.file("out"), false);
  EXPECT_TRUE(report.is_valid) << report.text;
  const ModelConfig config = load_model_config(parent_.file("out"));
  EXPECT_EQ(config.architecture, "Qwen2ForScore");
  EXPECT_EQ(config.score_head->score_type, "reward");
  EXPECT_FALSE(config.score_head->do_normalize);
}

TEST_F(ModelWriter, WritesTheStateOfTheNormalizer) {
  ScoreModelToWrite model = score_model();
  model.head.score_type = "cost";
  model.head.do_normalize = true;
  model.head.normalizer_type = "ExponentialMovingAverage";
  model.head.normalize_function = "scale";
  model.head.momentum = 0.75;
  model.normalizer_variance = 4.0F;
  write_score_model(parent_.file("out"), model);
  const ModelConfig config = load_model_config(parent_.file("out"));
  EXPECT_EQ(config.score_head->score_type, "cost");
  EXPECT_EQ(config.score_head->normalizer_type, "ExponentialMovingAverage");
  EXPECT_EQ(config.score_head->momentum, 0.75);
  const auto weights = open_model_weights(parent_.file("out"), false);
  const StoredTensor& variance = weights->require_tensor("normalizer.var");
  EXPECT_EQ(*reinterpret_cast<const float*>(variance.data), 4.0F);
}

}  // namespace
}  // namespace midpo
