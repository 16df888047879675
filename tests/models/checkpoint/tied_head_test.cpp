// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/tied_head.h"

#include <gmock/gmock.h>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using test::refusal;
using ::testing::HasSubstr;

ModelConfig tied(bool is_tied) {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.tie_word_embeddings = is_tied;
  return config;
}

/// Embeddings of one zero, and a head of one number.
void check(const ModelConfig& config, const std::string& heads_bytes) {
  const TemporaryFolder dir;
  const std::string header = "{" + test::entry("lm_head.weight", "F32", "[1,1]", 0, 4) + "," +
                             test::entry("model.embed_tokens.weight", "F32", "[1,1]", 4, 8) + "}";
  dir.write("model.safetensors", test::safetensors(header, heads_bytes + std::string(4, '\0')));
  const auto weights = open_model_weights(dir.path(), false);
  require_tied_head(config, *weights);
}

AdapterConfig adapter_of(const std::string& module) {
  AdapterConfig adapter;
  adapter.weights_path = "adapter_model.safetensors";
  adapter.targets = {{module, 1, 1.0, "a", "b"}};
  return adapter;
}

TEST(TiedHead, MayBeStoredAlong) { check(tied(true), std::string(4, '\0')); }

TEST(TiedHead, MayNotDifferFromTheEmbeddings) {
  const std::string text = refusal([] { check(tied(true), "\x01\x02\x03\x04"); });
  EXPECT_THAT(text, HasSubstr("model.safetensors"));
  EXPECT_THAT(text, HasSubstr("tie_word_embeddings"));
}

TEST(TiedHead, DiffersAsItLikesWhereItIsNotTied) { check(tied(false), "\x01\x02\x03\x04"); }

TEST(TiedHead, TakesNoAdapter) {
  const std::string text =
      refusal([] { require_free_head(adapter_of("lm_head"), tied(true), "BASE"); });
  EXPECT_THAT(text, HasSubstr("adapts lm_head, which BASE ties to its embeddings"));
  require_free_head(adapter_of("lm_head"), tied(false), "BASE");
  require_free_head(adapter_of("model.layers.0.mlp.down_proj"), tied(true), "BASE");
}

}  // namespace
}  // namespace midpo
