// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/safetensors_writer.h"

#include <gmock/gmock.h>

#include <cstring>

#include "models/checkpoint/shard_index.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kFloats = {1.0F, -2.0F, 3.5F, 0.0F, 5.0F, 6.0F};
const std::vector<std::int64_t> kCount = {7};

TensorToWrite floats(const std::string& name, std::vector<std::int64_t> shape) {
  return {name, StoredType::kFloat32, std::move(shape), kFloats.data()};
}

std::vector<std::string> names_of(const WeightFiles& weights) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : weights.tensors()) names.push_back(tensor.name);
  return names;
}

TEST(SafetensorsWriter, WritesWhatOurReaderReads) {
  const TemporaryFolder dir;
  const std::vector<TensorToWrite> tensors = {
      floats("b", {2, 3}), {"count", StoredType::kInt64, {1}, kCount.data()}, floats("a", {})};
  write_safetensors(dir.file("x.safetensors"), tensors);

  const auto weights = open_weight_file(dir.file("x.safetensors"), false);
  ASSERT_THAT(names_of(*weights), ElementsAre("a", "b", "count"));
  const StoredTensor& b = weights->require_tensor("b");
  EXPECT_EQ(b.type, StoredType::kFloat32);
  EXPECT_THAT(b.shape, ElementsAre(2, 3));
  EXPECT_EQ(std::memcmp(b.data, kFloats.data(), b.size_bytes), 0);
  EXPECT_EQ(*reinterpret_cast<const std::int64_t*>(weights->require_tensor("count").data), 7);
}

TEST(SafetensorsWriter, PutsWiderTypesFirstAtAlignedOffsets) {
  const TemporaryFolder dir;
  const char byte = 1;
  const std::vector<TensorToWrite> tensors = {{"a", StoredType::kUInt8, {1}, &byte},
                                              floats("b", {1}),
                                              {"c", StoredType::kInt64, {1}, kCount.data()}};
  write_safetensors(dir.file("x.safetensors"), tensors, {});
  const std::string file = dir.read("x.safetensors");
  constexpr std::size_t kDataBytes = 13;
  EXPECT_EQ((file.size() - kDataBytes) % 8, 0U);
  EXPECT_EQ(file.substr(8, file.find("  ") - 8),
            R"({"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
            R"("a":{"dtype":"U8","shape":[1],"data_offsets":[12,13]}})");
}

TEST(SafetensorsWriter, AsksForLazyBytesOnce) {
  const TemporaryFolder dir;
  int num_calls = 0;
  TensorToWrite lazy{"a", StoredType::kFloat32, {2}};
  lazy.make_bytes = [&] {
    ++num_calls;
    return std::vector<std::byte>(8, std::byte{1});
  };
  write_safetensors(dir.file("x.safetensors"), std::vector{lazy});
  EXPECT_EQ(num_calls, 1);
  const auto weights = open_weight_file(dir.file("x.safetensors"), false);
  EXPECT_EQ(weights->require_tensor("a").data[7], std::byte{1});
}

TEST(SafetensorsWriter, LeavesNoFileWhenLazyBytesDoNotFill) {
  const TemporaryFolder dir;
  TensorToWrite lazy{"a", StoredType::kFloat32, {2}};
  lazy.make_bytes = [] { return std::vector<std::byte>(7); };
  const auto write = [&] { write_safetensors(dir.file("x.safetensors"), std::vector{lazy}); };
  EXPECT_THAT(error_text(ErrorCode::kInternal, write), HasSubstr("has 7 bytes"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SafetensorsWriter, RefusesANameThatIsThereTwice) {
  const TemporaryFolder dir;
  const std::vector<TensorToWrite> tensors = {floats("a", {1}), floats("a", {2})};
  const auto write = [&] { write_safetensors_sharded(dir.path(), tensors, kPyTorchFormat, 4); };
  EXPECT_THAT(error_text(ErrorCode::kInternal, write), HasSubstr("\"a\" twice"));
}

TEST(SafetensorsWriter, WritesOneFileWhereAllFits) {
  const TemporaryFolder dir;
  write_safetensors_sharded(dir.path(), std::vector{floats("a", {2}), floats("b", {2})},
                            kPyTorchFormat, 16);
  EXPECT_THAT(names_of(*open_model_weights(dir.path(), false)), ElementsAre("a", "b"));
  EXPECT_FALSE(std::filesystem::exists(dir.file("model.safetensors.index.json")));
}

TEST(SafetensorsWriter, ShardsInTheOrderGiven) {
  const TemporaryFolder dir;
  const std::vector<TensorToWrite> tensors = {floats("c", {2}), floats("a", {2}), floats("b", {6}),
                                              floats("d", {1})};
  write_safetensors_sharded(dir.path(), tensors, kPyTorchFormat, 16);
  const auto shards = parse_shard_index(dir.read("model.safetensors.index.json"), "index");
  EXPECT_THAT(shards.at("model-00001-of-00003.safetensors"), ElementsAre("a", "c"));
  EXPECT_THAT(shards.at("model-00002-of-00003.safetensors"), ElementsAre("b"));
  EXPECT_THAT(shards.at("model-00003-of-00003.safetensors"), ElementsAre("d"));
  EXPECT_THAT(names_of(*open_model_weights(dir.path(), false)), ElementsAre("a", "b", "c", "d"));
}

}  // namespace
}  // namespace midpo
