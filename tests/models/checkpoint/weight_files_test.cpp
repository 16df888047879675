// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/weight_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "runtime/core/hash.h"
#include "tests/models/checkpoint/checkpoint_files.h"

namespace midpo {
namespace {

namespace pk = test::pickle;
using test::float_tensors;
using test::refusal;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string index_of(const std::string& weight_map) {
  return "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + weight_map + "}}";
}

std::string refusal_of(const TemporaryFolder& dir) {
  return refusal([&] { open_model_weights(dir.path(), false); });
}

std::string small_bin() {
  return test::torch_file(
      pk::dict({{"w", pk::tensor(pk::storage("ByteStorage", "0", 2), 0, {2}, {1})}}),
      {{"0", "ab"}});
}

TEST(WeightFiles, OpensASingleFile) {
  const TemporaryFolder dir;
  dir.write("model.safetensors", float_tensors({{"b", {2}}, {"a", {3, 1}}}));
  const auto weights = open_model_weights(dir.path(), false);
  ASSERT_EQ(weights->tensors().size(), 2U);
  EXPECT_EQ(weights->tensors()[0].name, "a");
  EXPECT_EQ(weights->require_tensor("b").num_elements(), 2);
}

TEST(WeightFiles, SortsTensorsOfAllShards) {
  const TemporaryFolder dir;
  dir.write("s1.safetensors", float_tensors({{"c", {1}}, {"a", {1}}}));
  dir.write("s2.safetensors", float_tensors({{"b", {1}}}));
  dir.write("model.safetensors.index.json",
            index_of(R"("a":"s1.safetensors","b":"s2.safetensors","c":"s1.safetensors")"));
  const auto weights = open_model_weights(dir.path(), false);
  ASSERT_EQ(weights->tensors().size(), 3U);
  EXPECT_EQ(weights->tensors()[1].name, "b");
  EXPECT_EQ(weights->tensors()[1].file, dir.file("s2.safetensors"));
}

TEST(WeightFiles, TakesEachTensorFromTheShardTheIndexNames) {
  const TemporaryFolder dir;
  dir.write("s1.safetensors", float_tensors({{"a", {1}}, {"b", {1}}}));
  dir.write("s2.safetensors", float_tensors({{"b", {7}}}));
  dir.write("model.safetensors.index.json",
            index_of(R"("a":"s1.safetensors","b":"s2.safetensors")"));
  const auto weights = open_model_weights(dir.path(), false);
  EXPECT_EQ(weights->tensors().size(), 2U);
  EXPECT_EQ(weights->require_tensor("b").num_elements(), 7);
}

TEST(WeightFiles, NamesATensorMissingFromItsShard) {
  const TemporaryFolder dir;
  dir.write("s1.safetensors", float_tensors({{"a", {1}}}));
  dir.write("model.safetensors.index.json",
            index_of(R"("a":"s1.safetensors","z":"s1.safetensors")"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("lacks tensor \"z\""));
}

TEST(WeightFiles, NamesAMissingShard) {
  const TemporaryFolder dir;
  dir.write("model.safetensors.index.json", index_of(R"("a":"s9.safetensors")"));
  EXPECT_THAT(refusal_of(dir), AllOf(HasSubstr("s9.safetensors"), HasSubstr("No such file")));
}

TEST(WeightFiles, NamesACutShardWithBothSizes) {
  const TemporaryFolder dir;
  const std::string whole = float_tensors({{"a", {100}}});
  dir.write("s1.safetensors", whole.substr(0, whole.size() - 50));
  dir.write("model.safetensors.index.json", index_of(R"("a":"s1.safetensors")"));
  EXPECT_THAT(refusal_of(dir),
              AllOf(HasSubstr("s1.safetensors: is truncated"),
                    HasSubstr(std::to_string(whole.size() - 50)), HasSubstr("400")));
}

TEST(WeightFiles, NamesGitLfsPointersBehindAnIndex) {
  const TemporaryFolder dir;
  dir.write("s1.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
  dir.write("model.safetensors.index.json", index_of(R"("a":"s1.safetensors")"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("Git LFS pointer"));
}

/// Spellings by which an index could reach outside its directory.
class IndexPath : public ::testing::TestWithParam<const char*> {};

TEST_P(IndexPath, IsRefused) {
  const TemporaryFolder dir;
  std::filesystem::create_directory(dir.file("junk"));
  dir.write("real.safetensors", float_tensors({{"a", {1}}}));
  dir.write("model.safetensors.index.json", index_of(std::string("\"a\":") + GetParam()));
  EXPECT_THAT(refusal_of(dir), HasSubstr("wanted the plain name of a file beside the index"));
}

INSTANTIATE_TEST_SUITE_P(Escapes, IndexPath,
                         ::testing::Values(R"("../real.safetensors")", R"("/etc/passwd")",
                                           R"("junk/../real.safetensors")",
                                           R"("./real.safetensors")", R"("..\\real.safetensors")",
                                           R"("//etc/passwd")", R"("real.safetensors\u0000")",
                                           R"("..")", R"(".")", R"("")", R"("real.safetensors\n")",
                                           "7", "null", R"(["real.safetensors"])"));

TEST(WeightFiles, RefusesDevicesFifosAndDirectoriesAsShards) {
  const TemporaryFolder dir;
  dir.write("model.safetensors.index.json", index_of(R"("a":"shard")"));
  ASSERT_EQ(::mkfifo(dir.file("shard").c_str(), 0600), 0);
  EXPECT_THAT(refusal_of(dir), HasSubstr("is a FIFO"));
  std::filesystem::remove(dir.file("shard"));
  std::filesystem::create_directory(dir.file("shard"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("is a directory"));
  std::filesystem::remove(dir.file("shard"));
  std::filesystem::create_symlink("/dev/zero", dir.file("shard"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("is a device"));
}

TEST(WeightFiles, FollowsTheSymlinksOfHubCaches) {
  const TemporaryFolder dir;
  std::filesystem::create_directories(dir.file("blobs"));
  std::filesystem::create_directories(dir.file("snapshots/abc"));
  dir.write("blobs/0123", float_tensors({{"a", {1}}}));
  std::filesystem::create_symlink("../../blobs/0123", dir.file("snapshots/abc/model.safetensors"));
  EXPECT_EQ(open_model_weights(dir.file("snapshots/abc"), false)->tensors().size(), 1U);
}

TEST(WeightFiles, RefusesSymlinkLoopsAndDanglingLinks) {
  const TemporaryFolder dir;
  std::filesystem::create_symlink("model.safetensors", dir.file("model.safetensors"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("symbolic links"));
  std::filesystem::remove(dir.file("model.safetensors"));
  std::filesystem::create_symlink("gone", dir.file("model.safetensors"));
  EXPECT_THAT(refusal_of(dir), HasSubstr("No such file"));
}

class BadIndex : public ::testing::TestWithParam<const char*> {};

TEST_P(BadIndex, IsRefused) {
  const TemporaryFolder dir;
  dir.write("model.safetensors.index.json", GetParam());
  EXPECT_THAT(refusal_of(dir), HasSubstr("model.safetensors.index.json"));
}

INSTANTIATE_TEST_SUITE_P(Malformed, BadIndex,
                         ::testing::Values("", "{", "[]", "null", "{}", R"({"weight_map":[]})",
                                           R"({"weight_map":{"a":"x","a":"y"}})",
                                           R"({"weight_map":{},"weight_map":{}})",
                                           "{\"weight_map\":{\"\xff\":\"x\"}}",
                                           R"({"weight_map":{"a":"x"}} trailing)"));

TEST(WeightFiles, RefusesADeepIndexWithoutRecursion) {
  const TemporaryFolder dir;
  dir.write("model.safetensors.index.json", "{\"weight_map\":" + std::string(1'000'000, '['));
  EXPECT_THAT(refusal_of(dir), HasSubstr("nested deeper"));
}

TEST(WeightFiles, AsksForPermissionToReadPickles) {
  const TemporaryFolder dir;
  dir.write("pytorch_model.bin", small_bin());
  EXPECT_THAT(refusal_of(dir), AllOf(HasSubstr("--allow-pickle"), HasSubstr("safetensors")));
  EXPECT_EQ(open_model_weights(dir.path(), true)->tensors().size(), 1U);
}

TEST(WeightFiles, OpensShardedPickles) {
  const TemporaryFolder dir;
  dir.write("p1.bin", small_bin());
  dir.write("pytorch_model.bin.index.json", index_of(R"("w":"p1.bin")"));
  EXPECT_EQ(open_model_weights(dir.path(), true)->tensors().size(), 1U);
  EXPECT_THAT(refusal_of(dir), HasSubstr("--allow-pickle"));
}

TEST(WeightFiles, RefusesAPickleThatCallsItselfSafetensors) {
  const TemporaryFolder dir;
  dir.write("model.safetensors", small_bin());
  EXPECT_THAT(refusal([&] { open_model_weights(dir.path(), true); }), HasSubstr("is a pickle"));
}

TEST(WeightFiles, PrefersSafetensorsToPickle) {
  const TemporaryFolder dir;
  dir.write("model.safetensors", float_tensors({{"a", {1}}}));
  dir.write("pytorch_model.bin", "garbage");
  EXPECT_NE(open_model_weights(dir.path(), true)->find("a"), nullptr);
}

TEST(WeightFiles, SaysWhatItLookedForInAnEmptyDirectory) {
  const TemporaryFolder dir;
  EXPECT_THAT(refusal_of(dir), HasSubstr("model.safetensors.index.json"));
  EXPECT_THAT(refusal([&] { open_model_weights(dir.file("none"), false); }),
              HasSubstr("not a model directory"));
}

TEST(WeightFiles, NamesNearTensorsWhenOneIsMissing) {
  const TemporaryFolder dir;
  dir.write("model.safetensors", float_tensors({{"model.layers.0.mlp.up_proj.weight", {1}},
                                                {"model.layers.0.mlp.gate_proj.weight", {1}},
                                                {"zzz", {1}}}));
  const auto weights = open_model_weights(dir.path(), false);
  EXPECT_EQ(weights->find("layers.0.mlp.up_proj.weight"), nullptr);
  EXPECT_THAT(refusal([&] { weights->require_tensor("layers.0.mlp.up_proj.weight"); }),
              AllOf(HasSubstr("near names: \"model.layers.0.mlp.up_proj.weight\""),
                    ::testing::Not(HasSubstr("zzz"))));
}

TEST(WeightFiles, NoticesThatAFileWasCutAfterOpening) {
  const TemporaryFolder dir;
  const std::string path = dir.write("model.safetensors", float_tensors({{"a", {4096}}}));
  const auto weights = open_model_weights(dir.path(), false);
  EXPECT_NO_THROW(weights->check_unchanged());
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  EXPECT_THAT(refusal([&] { weights->check_unchanged(); }), HasSubstr("changed while it was read"));
}

TEST(WeightFiles, GiveNoTensorOfAFileThatWasCut) {
  const TemporaryFolder dir;
  const std::string path = dir.write("model.safetensors", float_tensors({{"a", {4096}}}));
  const auto weights = open_model_weights(dir.path(), false);
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  EXPECT_THAT(refusal([&] { weights->require_tensor("a"); }),
              HasSubstr("changed while it was read"));
}

TEST(WeightFiles, NoticesThatAFileWasWrittenAfterOpening) {
  const TemporaryFolder dir;
  const std::string path = dir.write("model.safetensors", float_tensors({{"a", {4}}}));
  const auto weights = open_model_weights(dir.path(), false);
  const timespec later[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), later, 0), 0);
  EXPECT_THAT(refusal([&] { weights->check_unchanged(); }), HasSubstr("was written to"));
}

/// Memory of this process, with the file pages that are mapped into it.
std::size_t resident_bytes() {
  std::size_t total_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(WeightFiles, LetsGoOfBytesThatWereCopied) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  const TemporaryFolder dir;
  dir.write("model.safetensors", float_tensors({{"a", {kBytes / 4}}}));
  const auto weights = open_model_weights(dir.path(), false);
  const StoredTensor& tensor = weights->require_tensor("a");
  const ContentHash before = content_hash(tensor.data, tensor.size_bytes);
  const std::size_t resident = resident_bytes();
  weights->release(tensor);
  EXPECT_LT(resident_bytes() + kBytes / 2, resident);
  EXPECT_EQ(content_hash(tensor.data, tensor.size_bytes), before);
}

TEST(WeightFiles, KeepsBytesThatLieInNoFile) {
  const TemporaryFolder dir;
  const auto weights = open_weight_file(dir.write("router.pth", small_bin()), true);
  const StoredTensor& tensor = weights->tensors().front();
  const std::string before(reinterpret_cast<const char*>(tensor.data), tensor.size_bytes);
  weights->release(tensor);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(tensor.data), tensor.size_bytes), before);
}

TEST(WeightFiles, OpensOneFileByItsContent) {
  const TemporaryFolder dir;
  EXPECT_EQ(open_weight_file(dir.write("a", float_tensors({{"a", {1}}})), false)->tensors().size(),
            1U);
  EXPECT_EQ(open_weight_file(dir.write("router.pth", small_bin()), true)->tensors().size(), 1U);
}

}  // namespace
}  // namespace midpo
