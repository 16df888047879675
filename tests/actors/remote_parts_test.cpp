// SPDX-License-Identifier: Apache-2.0
// The plain parts of actors/remote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "actors/parallel.h"
#include "actors/remote/remote_options.h"
#include "actors/remote/run_identity.h"
#include "actors/remote/test_faults.h"
#include "actors/remote/weights_inbox.h"
#include "actors/remote/worker_models.h"
#include "actors/remote/worker_options.h"
#include "tests/support/error_text.h"
#include "tests/support/stub_engines.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

TEST(RunIdentity, KeepsItsIdAndCountsStarts) {
  const TemporaryFolder folder;
  const RunIdentity first = next_identity(folder.path());
  const RunIdentity second = next_identity(folder.path());
  EXPECT_EQ(first.epoch, 1U);
  EXPECT_EQ(second.epoch, 2U);
  EXPECT_EQ(first.job, second.job);
  EXPECT_EQ(first.job.size(), 32U);
}

TEST(RunIdentity, DiffersBetweenFolders) {
  const TemporaryFolder one, two;
  EXPECT_NE(next_identity(one.path()).job, next_identity(two.path()).job);
}

TEST(RunIdentity, BeginsAnewAfterAnUnreadableFile) {
  const TemporaryFolder folder;
  const RunIdentity first = next_identity(folder.path());
  folder.write("identity", first.job);
  const RunIdentity second = next_identity(folder.path());
  EXPECT_NE(first.job, second.job);
  EXPECT_EQ(second.epoch, 1U);
}

TEST(PathMap, FollowsTheLongestMapping) {
  const PathMap map({"/data=/mnt", "/data/models=/fast"});
  EXPECT_EQ(map.local("/data/models/reward"), "/fast/reward");
  EXPECT_EQ(map.local("/data/cost"), "/mnt/cost");
  EXPECT_EQ(map.local("/data"), "/mnt");
  EXPECT_EQ(map.local("/database/cost"), "/database/cost");
  EXPECT_EQ(map.local("/other"), "/other");
}

RemoteModel wanted_model(const StubEngines& engines, const std::string& path) {
  ModelOptions options;
  options.path = path;
  const ModelInfo info = engines.load_score_model(options)->info();
  return {"reward", path, info.content.hex(), "float32", info.numerics};
}

TEST(LoadModels, TakesWhatTheJobHas) {
  const StubEngines engines;
  WorkerConfig config;
  config.devices = {"cpu", "cpu"};
  const auto models = load_models(config, engines, {wanted_model(engines, "a")}, {"scorer"});
  ASSERT_EQ(models->replicas.size(), 1U);
  EXPECT_EQ(models->replicas.front().size(), 2U);
}

TEST(LoadModels, NamesBothContents) {
  const StubEngines engines;
  WorkerConfig config;
  config.devices = {"cpu"};
  config.model_map = PathMap({"a=b"});
  const RemoteModel wanted = wanted_model(engines, "a");
  const std::string text = error_text(ErrorCode::kCheckpoint,
                                      [&] { load_models(config, engines, {wanted}, {"scorer"}); });
  EXPECT_THAT(text, HasSubstr(wanted.content));
  EXPECT_THAT(text, HasSubstr(wanted_model(engines, "b").content));
}

TEST(LoadModels, NamesBothNumerics) {
  const StubEngines engines;
  WorkerConfig config;
  config.devices = {"cpu"};
  RemoteModel wanted = wanted_model(engines, "a");
  wanted.numerics = "another library";
  const std::string text =
      error_text(ErrorCode::kConfig, [&] { load_models(config, engines, {wanted}, {"scorer"}); });
  EXPECT_THAT(text, HasSubstr("another library"));
  EXPECT_THAT(text, HasSubstr("stub"));
}

TEST(LoadModels, LeavesOutWhatIsOfNoRole) {
  const StubEngines engines;
  WorkerConfig config;
  config.devices = {"cpu"};
  const auto models = load_models(config, engines, {wanted_model(engines, "a")}, {"generator"});
  EXPECT_TRUE(models->replicas.front().empty());
  EXPECT_EQ(models->loaded.front().content, "");
}

/// All pieces of a folder's files, as a coordinator sends them.
std::vector<WeightsPiece> pieces_of(const std::string& folder, std::uint64_t version) {
  WeightsDelivery delivery({.piece_bytes = 3});
  delivery.add(open_weights({version, folder, hash_folder(folder)}));
  std::vector<WeightsPiece> pieces;
  while (const auto piece = delivery.next()) pieces.push_back(*piece);
  return pieces;
}

TEST(WeightsInbox, HoldsWhatWasPublished) {
  const TemporaryFolder folder;
  folder.write("a.bin", "0123456789");
  folder.write("empty", "");
  WeightsInbox inbox;
  std::optional<PublishedWeights> whole;
  for (const WeightsPiece& piece : pieces_of(folder.path(), 4)) {
    ASSERT_FALSE(whole);
    whole = inbox.take(piece, piece.file == 1);
  }
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->version, 4U);
  EXPECT_NE(whole->path, folder.path());
  EXPECT_NO_THROW(verify_weights(*whole));
}

TEST(WeightsInbox, IsNotBelievedWithoutItsHash) {
  const TemporaryFolder folder;
  folder.write("a.bin", "0123456789");
  WeightsInbox inbox;
  std::optional<PublishedWeights> whole;
  for (WeightsPiece& piece : pieces_of(folder.path(), 4)) {
    if (piece.offset == 3) piece.bytes[0] = std::byte{0};
    whole = inbox.take(piece, piece.offset + piece.bytes.size() == piece.file_bytes);
  }
  EXPECT_THAT(error_text(ErrorCode::kStalePolicy, [&] { verify_weights(*whole); }),
              HasSubstr("version 4 was published as"));
}

TEST(WeightsInbox, RemovesWhatIsNotNeededAndAtTheEndAll) {
  const TemporaryFolder folder;
  folder.write("a.bin", "01");
  std::string first, second;
  {
    WeightsInbox inbox;
    first = inbox.take(pieces_of(folder.path(), 1).front(), true)->path;
    second = inbox.take(pieces_of(folder.path(), 2).front(), true)->path;
    inbox.forget_before(2);
    EXPECT_FALSE(std::filesystem::exists(first));
    EXPECT_TRUE(std::filesystem::exists(second));
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(second).parent_path()));
}

TEST(WeightsInbox, RemovesWhatAKilledProcessLeft) {
  const TemporaryFolder folder;
  folder.write("a.bin", "01");
  const auto orphan = std::filesystem::temp_directory_path() / "midpo-worker-orphan";
  std::filesystem::create_directories(orphan);
  WeightsInbox living, next;
  const std::string kept = living.take(pieces_of(folder.path(), 1).front(), true)->path;
  next.take(pieces_of(folder.path(), 1).front(), true);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(kept));
}

TEST(WeightsInbox, IsNoOrphanToOthersThatBeginAtTheSameTime) {
  const TemporaryFolder folder;
  folder.write("a.bin", "01");
  const WeightsPiece piece = pieces_of(folder.path(), 1).front();
  for (int round = 0; round < 50; ++round) {
    std::array<WeightsInbox, 8> inboxes;
    std::array<std::string, 8> paths;
    parallel_for(8, 8, [&](std::size_t i) { paths[i] = inboxes[i].take(piece, true)->path; });
    for (const std::string& path : paths) {
      ASSERT_TRUE(std::filesystem::exists(path + "/a.bin"));
      const auto mode = std::filesystem::status(path + "/..").permissions();
      ASSERT_EQ(mode, std::filesystem::perms::owner_all);
    }
  }
}

TEST(OpenWeights, SendsAFolderThatIsGone) {
  const TemporaryFolder folder;
  folder.write("a.bin", "0123");
  const auto version = open_weights({1, folder.path(), hash_folder(folder.path())});
  std::filesystem::remove(folder.path() + "/a.bin");
  EXPECT_EQ(version->read(0, 1, 2), (Frame{std::byte{'1'}, std::byte{'2'}}));
}

TEST(WorkerOptions, RefuseRolesThatAreNone) {
  for (const char* text : {"", "trainer", "scorer,scorer", ",scorer"}) {
    WorkerArguments arguments;
    arguments.roles = text;
    EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { make_worker_config(arguments); }),
                HasSubstr("roles is"));
  }
}

TEST(WorkerOptions, RefuseAMappingWithoutTwoSides) {
  for (const char* text : {"a", "=b", "a="}) {
    WorkerArguments arguments;
    arguments.model_map = {text};
    EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { make_worker_config(arguments); }),
                HasSubstr("FROM=TO"));
  }
}

TEST(WorkerOptions, WantBothKeysOrNone) {
  WorkerArguments arguments;
  arguments.key = "only.key";
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { make_worker_config(arguments); }),
              HasSubstr("belong together"));
}

TEST(RemoteOptions, AreOffWithoutAnAddress) { EXPECT_EQ(make_remote_job({}), nullptr); }

TEST(RemoteOptions, RefuseAnAddressThatOthersReachWithoutKeys) {
  RemoteConfig config;
  config.listen = "tcp://192.0.2.1:5555";
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { make_remote_job(config); }),
              HasSubstr("midpo keygen"));
}

TEST(TestFaults, AreOffUnlessAskedFor) {
  ::unsetenv("MIDPO_TEST_FAULTS");
  EXPECT_FALSE(faults_from_environment());
}

TEST(TestFaults, DropWhatTheyAreToldTo) {
  ::setenv("MIDPO_TEST_FAULTS", "drop=1,seed=3", 1);
  auto faults = faults_from_environment();
  ::unsetenv("MIDPO_TEST_FAULTS");
  ASSERT_TRUE(faults);
  EXPECT_TRUE(faults->next().empty());
}

TEST(TestFaults, KnowAPromptThatIsPoison) {
  ::setenv("MIDPO_TEST_FAULTS", "poison_prompt=7", 1);
  const auto poison = poison_prompt_from_environment();
  const bool has_network = faults_from_environment().has_value();
  ::unsetenv("MIDPO_TEST_FAULTS");
  EXPECT_EQ(poison, 7U);
  EXPECT_FALSE(has_network) << "the network is left alone";
  EXPECT_EQ(poison_prompt_from_environment(), std::nullopt);
}

TEST(TestFaults, RefuseAnUnknownKind) {
  ::setenv("MIDPO_TEST_FAULTS", "dorp=1", 1);
  EXPECT_THAT(error_text(ErrorCode::kConfig, [] { faults_from_environment(); }), HasSubstr("dorp"));
  ::unsetenv("MIDPO_TEST_FAULTS");
}

}  // namespace
}  // namespace midpo
