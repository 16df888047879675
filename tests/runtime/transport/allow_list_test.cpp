// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/allow_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

PublicKey any_key() { return generate_key_pair().public_key; }

TEST(AllowList, IsPublicKeyFilesOneAfterAnother) {
  const TemporaryFolder folder;
  const KeyPair one = generate_key_pair();
  const KeyPair two = generate_key_pair();
  write_key_files(one, folder.file("one"));
  write_key_files(two, folder.file("two"));
  const std::string list = "# the cluster\n\n" + folder.read("one.pub") + folder.read("two.pub");
  const AllowList allowed = AllowList::read(folder.write("allowed", list));
  EXPECT_EQ(allowed.size(), 2U);
  EXPECT_EQ(allowed.find(one.public_key), (KeyRights{"one", all_worker_roles()}));
  EXPECT_EQ(allowed.find(two.public_key), (KeyRights{"two", all_worker_roles()}));
  EXPECT_EQ(allowed.find(any_key()), std::nullopt);
}

TEST(AllowList, SaysWhatEachKeyMayBe) {
  const TemporaryFolder folder;
  const PublicKey key = any_key();
  const std::string path = folder.write("allowed", key.hex() + " node1 generator,scorer\n");
  const auto rights = AllowList::read(path).find(key);
  ASSERT_TRUE(rights);
  EXPECT_THAT(rights->roles, ElementsAre("generator", "scorer"));
}

TEST(AllowList, NamesTheLineItCannotRead) {
  const TemporaryFolder folder;
  const std::string good = any_key().hex();
  for (const std::string& bad : {std::string("abc worker"), good.substr(1), good + "0", "g" + good,
                                 std::string("midpo-secret-key ") + good}) {
    const std::string path = folder.write("allowed", good + " one\n" + bad + "\n");
    const std::string text = error_text(ErrorCode::kConfig, [&] { AllowList::read(path); });
    EXPECT_THAT(text, HasSubstr("allowed:2"));
  }
}

TEST(AllowList, NamesLineAndKeyOfARoleThatIsNone) {
  const TemporaryFolder folder;
  const std::string hex = any_key().hex();
  for (const char* bad : {"admin", ",", "scorer,scorer", "scorer generator"}) {
    const std::string path = folder.write("allowed", "# one\n" + hex + " node1 " + bad + "\n");
    EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { AllowList::read(path); }),
                AllOf(HasSubstr("allowed:2"), HasSubstr("node1"), HasSubstr(hex.substr(0, 8))))
        << bad;
  }
}

TEST(AllowList, RefusesAKeyThatIsTwoThings) {
  const TemporaryFolder folder;
  const std::string hex = any_key().hex();
  const std::string path = folder.write("allowed", hex + " a scorer\n" + hex + " a\n");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { AllowList::read(path); }),
              HasSubstr("allowed:2: key a stands in another line"));
}

TEST(AllowList, RefusesAnEmptyFile) {
  const TemporaryFolder folder;
  const std::string path = folder.write("allowed", "# nobody\n");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { AllowList::read(path); }),
              HasSubstr("holds no public key"));
}

TEST(AllowedKeys, KeepTheFormerListWhenTheFileIsBad) {
  const TemporaryFolder folder;
  const PublicKey key = any_key();
  AllowedKeys keys(folder.write("allowed", key.hex() + " node1\n"));
  folder.write("allowed", any_key().hex() + " node2\nno key\n");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { keys.reload(); }), HasSubstr("allowed:2"));
  EXPECT_TRUE(keys.find(key));
}

}  // namespace
}  // namespace midpo
