// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/curve_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "runtime/transport/allow_list.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

TEST(CurveKeys, ComeBackFromTheirFiles) {
  const TemporaryFolder folder;
  const KeyPair pair = generate_key_pair();
  write_key_files(pair, folder.file("worker"));
  const KeyPair read = read_secret_key(folder.file("worker.key"));
  EXPECT_EQ(read.secret_key.bytes(), pair.secret_key.bytes());
  EXPECT_EQ(read.public_key, pair.public_key);
  EXPECT_EQ(read_public_key(folder.file("worker.pub")), pair.public_key);
}

TEST(CurveKeys, DifferEachTime) {
  EXPECT_NE(generate_key_pair().public_key, generate_key_pair().public_key);
}

TEST(CurveKeys, KeepTheSecretToTheirOwner) {
  const TemporaryFolder folder;
  write_key_files(generate_key_pair(), folder.file("worker"));
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("worker.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(folder.read("worker.pub").find("secret"), std::string::npos);
}

TEST(CurveKeys, RefuseASecretThatOthersCanRead) {
  const TemporaryFolder folder;
  write_key_files(generate_key_pair(), folder.file("worker"));
  for (const mode_t mode : {0640U, 0604U, 0620U}) {
    ASSERT_EQ(::chmod(folder.file("worker.key").c_str(), mode), 0);
    const std::string text =
        error_text(ErrorCode::kConfig, [&] { read_secret_key(folder.file("worker.key")); });
    EXPECT_THAT(text, HasSubstr("chmod 600"));
  }
}

TEST(CurveKeys, AreNeverOverwritten) {
  const TemporaryFolder folder;
  write_key_files(generate_key_pair(), folder.file("worker"));
  const std::string before = folder.read("worker.key");
  const std::string text = error_text(
      ErrorCode::kConfig, [&] { write_key_files(generate_key_pair(), folder.file("worker")); });
  EXPECT_THAT(text, HasSubstr("worker.key: exists"));
  EXPECT_EQ(folder.read("worker.key"), before);
}

TEST(CurveKeys, AreWholeOrNotThere) {
  const TemporaryFolder folder;
  folder.write("worker.pub", "another's");
  EXPECT_THROW(write_key_files(generate_key_pair(), folder.file("worker")), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.file("worker.key")));
  EXPECT_EQ(folder.read("worker.pub"), "another's");
}

TEST(CurveKeys, LeaveNothingOnAFullDisk) {
  const TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  EXPECT_THROW(write_key_files(generate_key_pair(), folder.file("worker")), Error);
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(CurveKeys, RefuseAPublicKeyAsASecretOne) {
  const TemporaryFolder folder;
  write_key_files(generate_key_pair(), folder.file("worker"));
  ASSERT_EQ(::chmod(folder.file("worker.pub").c_str(), 0600), 0);
  const std::string text =
      error_text(ErrorCode::kConfig, [&] { read_secret_key(folder.file("worker.pub")); });
  EXPECT_THAT(text, HasSubstr("is no secret key"));
}

}  // namespace
}  // namespace midpo
