// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/router_writer.h"

#include <gmock/gmock.h>

#include "models/checkpoint/strict_json.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

const std::vector<float> kValues(64, 0.25F);

RouterToWrite small_router() {
  RouterToWrite router;
  router.num_layers = 2;
  router.intermediate_size = 6;
  router.gate_width = 4;
  router.lora_scale = 2.0;
  router.base_model_hash = "0123";
  for (const ExpectedTensor& tensor : router_tensors(2, 6, 4)) {
    router.tensors.push_back({tensor.name, StoredType::kFloat32, tensor.shape, kValues.data()});
  }
  return router;
}

TEST(RouterWriter, WritesEveryGateAndItsSizes) {
  const TemporaryFolder parent;
  write_router(parent.file("router"), small_router());
  const auto weights = open_weight_file(parent.file("router/router.safetensors"), false);
  EXPECT_EQ(weights->tensors().size(), 2U * 2 * 6);
  const std::vector<std::int64_t> wanted = {6, 4};
  EXPECT_EQ(weights->require_tensor("layers.1.beta.1.weight").shape, wanted);
  const auto config = parse_strict_json(parent.read("router/router_config.json"), "config");
  EXPECT_EQ(config["format"], "midpo-router");
  EXPECT_EQ(config["gate_width"], 4);
  EXPECT_EQ(config["base_model_hash"], "0123");
  EXPECT_FALSE(config.contains("mean_alpha"));
}

TEST(RouterWriter, RefusesAGateOfAnotherShape) {
  const TemporaryFolder parent;
  RouterToWrite router = small_router();
  router.tensors[3].shape = {4};
  EXPECT_THAT(
      error_text(ErrorCode::kInternal, [&] { write_router(parent.file("router"), router); }),
      HasSubstr("lacks tensor \"layers.0.alpha.1.bias\" [6]"));
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(RouterWriter, RefusesATensorOfNoGate) {
  const TemporaryFolder parent;
  RouterToWrite router = small_router();
  router.tensors.push_back({"more", StoredType::kFloat32, {1}, kValues.data()});
  EXPECT_THAT(
      error_text(ErrorCode::kInternal, [&] { write_router(parent.file("router"), router); }),
      HasSubstr("more tensors than its gates"));
}

}  // namespace
}  // namespace midpo
