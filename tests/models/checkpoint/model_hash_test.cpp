// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_hash.h"

#include <gtest/gtest.h>

#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using Tensors = std::vector<std::pair<std::string, std::vector<int>>>;

ContentHash hash_of_file(const std::string& bytes, const std::string& config = "{}") {
  const TemporaryFolder dir;
  dir.write("model.safetensors", bytes);
  return hash_model(*open_model_weights(dir.path(), false), config);
}

ContentHash hash_of(const Tensors& tensors) { return hash_of_file(test::float_tensors(tensors)); }

TEST(ModelHash, DoesNotDependOnHowTensorsAreSpreadOverFiles) {
  const TemporaryFolder dir;
  dir.write("s1.safetensors",
            test::safetensors("{" + test::entry("a", "U8", "[2]", 0, 2) + "}", "xy"));
  dir.write("s2.safetensors",
            test::safetensors("{" + test::entry("b", "U8", "[1]", 0, 1) + "}", "z"));
  dir.write("model.safetensors.index.json",
            R"({"weight_map":{"a":"s1.safetensors","b":"s2.safetensors"}})");
  const std::string single = test::safetensors(
      "{" + test::entry("b", "U8", "[1]", 0, 1) + "," + test::entry("a", "U8", "[2]", 1, 3) + "}",
      "zxy");
  EXPECT_EQ(hash_model(*open_model_weights(dir.path(), false), "{}"), hash_of_file(single));
}

TEST(ModelHash, DependsOnNamesAndShapes) {
  EXPECT_NE(hash_of({{"a", {2, 3}}}), hash_of({{"b", {2, 3}}}));
  EXPECT_NE(hash_of({{"a", {2, 3}}}), hash_of({{"a", {3, 2}}}));
}

TEST(ModelHash, DependsOnTypes) {
  const auto of_type = [](const std::string& type) {
    return hash_of_file(test::safetensors("{" + test::entry("a", type, "[2]", 0, 4) + "}", "abcd"));
  };
  EXPECT_NE(of_type("F16"), of_type("BF16"));
}

TEST(ModelHash, DependsOnEveryByte) {
  std::string file = test::float_tensors({{"a", {100}}});
  const ContentHash before = hash_of_file(file);
  file.back() = 1;
  EXPECT_NE(hash_of_file(file), before);
}

TEST(ModelHash, DependsOnTheConfig) {
  const std::string file = test::float_tensors({{"a", {1}}});
  EXPECT_NE(hash_of_file(file, "{}"), hash_of_file(file, "{ }"));
}

}  // namespace
}  // namespace midpo
