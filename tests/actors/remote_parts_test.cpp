// SPDX-License-Identifier: Apache-2.0
// The plain parts of actors/remote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "actors/remote/remote_options.h"
#include "actors/remote/run_identity.h"
#include "actors/remote/test_faults.h"
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

TEST(LocalPath, FollowsTheLongestMapping) {
  WorkerConfig config;
  config.model_map = {{"/data", "/mnt"}, {"/data/models", "/fast"}};
  EXPECT_EQ(local_path(config, "/data/models/reward"), "/fast/reward");
  EXPECT_EQ(local_path(config, "/data/cost"), "/mnt/cost");
  EXPECT_EQ(local_path(config, "/data"), "/mnt");
  EXPECT_EQ(local_path(config, "/database/cost"), "/database/cost");
  EXPECT_EQ(local_path(config, "/other"), "/other");
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
  const auto models = load_models(config, engines, {wanted_model(engines, "a")});
  ASSERT_EQ(models->replicas.size(), 1U);
  EXPECT_EQ(models->replicas.front().size(), 2U);
}

TEST(LoadModels, NamesBothContents) {
  const StubEngines engines;
  WorkerConfig config;
  config.devices = {"cpu"};
  config.model_map = {{"a", "b"}};
  const RemoteModel wanted = wanted_model(engines, "a");
  const std::string text =
      error_text(ErrorCode::kCheckpoint, [&] { load_models(config, engines, {wanted}); });
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
      error_text(ErrorCode::kConfig, [&] { load_models(config, engines, {wanted}); });
  EXPECT_THAT(text, HasSubstr("another library"));
  EXPECT_THAT(text, HasSubstr("stub"));
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

TEST(TestFaults, RefuseAnUnknownKind) {
  ::setenv("MIDPO_TEST_FAULTS", "dorp=1", 1);
  EXPECT_THAT(error_text(ErrorCode::kConfig, [] { faults_from_environment(); }), HasSubstr("dorp"));
  ::unsetenv("MIDPO_TEST_FAULTS");
}

}  // namespace
}  // namespace midpo
