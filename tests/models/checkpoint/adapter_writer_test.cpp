// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/adapter_writer.h"

#include <gmock/gmock.h>

#include <cstring>

#include "models/checkpoint/adapter_config.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kA(2 * 3, 0.5F);
const std::vector<float> kB(4 * 2, -1.0F);

AdapterToWrite small_adapter() {
  AdapterToWrite adapter{"models/base", 2, 4.0, {"down_proj"}, {}};
  for (const char* layer : {"0", "1"}) {
    adapter.factors.push_back(
        {std::string("model.layers.") + layer + ".mlp.down_proj", 3, 4, kA.data(), kB.data()});
  }
  return adapter;
}

TEST(AdapterWriter, WritesWhatOurReaderReads) {
  const TemporaryFolder parent;
  write_adapter(parent.file("adapter"), small_adapter());
  const AdapterConfig read = load_adapter_config(parent.file("adapter"), false);
  EXPECT_EQ(read.base_model_name, "models/base");
  EXPECT_EQ(read.rank, 2);
  EXPECT_EQ(read.alpha, 4.0);
  EXPECT_THAT(read.target_modules, ElementsAre("down_proj"));
  ASSERT_EQ(read.targets.size(), 2U);
  EXPECT_EQ(read.targets[1].module, "model.layers.1.mlp.down_proj");
  EXPECT_EQ(read.targets[1].scale, 2.0);

  const auto weights = open_weight_file(read.weights_path, false);
  const StoredTensor& b = weights->require_tensor(read.targets[0].b_tensor);
  EXPECT_EQ(b.name, "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight");
  EXPECT_THAT(b.shape, ElementsAre(4, 2));
  EXPECT_EQ(std::memcmp(b.data, kB.data(), b.size_bytes), 0);
}

TEST(AdapterWriter, WritesAWholeAlphaAsAnInteger) {
  const TemporaryFolder parent;
  AdapterToWrite adapter = small_adapter();
  write_adapter(parent.file("whole"), adapter);
  EXPECT_THAT(parent.read("whole/adapter_config.json"), HasSubstr("\"lora_alpha\": 4,"));
  adapter.alpha = 0.5;
  write_adapter(parent.file("half"), adapter);
  EXPECT_THAT(parent.read("half/adapter_config.json"), HasSubstr("\"lora_alpha\": 0.5,"));
}

}  // namespace
}  // namespace midpo
