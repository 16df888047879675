// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/atomic_folder.h"

#include <gmock/gmock.h>

#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

/// Writes PATH with one file, "weights".
void publish(const std::string& path, const std::string& content,
             ExistingFolder existing = ExistingFolder::kReplaceOwn) {
  AtomicFolder folder(path, existing);
  write_file(folder.file("weights"), content);
  folder.publish();
}

TEST(AtomicFolder, AppearsWholeWithItsParents) {
  const TemporaryFolder parent;
  const std::string path = parent.file("run/adapters/safety");
  {
    AtomicFolder folder(path, ExistingFolder::kReplaceOwn);
    write_file(folder.file("a"), "1");
    EXPECT_FALSE(fs::exists(path));
    folder.publish();
  }
  EXPECT_THAT(names_in(path), UnorderedElementsAre(".midpo", "a"));
  EXPECT_THAT(names_in(parent.file("run/adapters")), UnorderedElementsAre("safety"));
}

TEST(AtomicFolder, LeavesNothingWhenItIsNotPublished) {
  const TemporaryFolder parent;
  {
    const AtomicFolder folder(parent.file("out"), ExistingFolder::kReplaceOwn);
    write_file(folder.file("a"), "1");
  }
  EXPECT_TRUE(fs::is_empty(parent.path()));
}

TEST(AtomicFolder, TakesTheNameOfAnEmptyFolder) {
  const TemporaryFolder parent;
  fs::create_directory(parent.file("out"));
  publish(parent.file("out/"), "new");
  EXPECT_EQ(parent.read("out/weights"), "new");
}

TEST(AtomicFolder, ReplacesItsOwnFolder) {
  const TemporaryFolder parent;
  publish(parent.file("out"), "old");
  publish(parent.file("out"), "new");
  EXPECT_EQ(parent.read("out/weights"), "new");
  EXPECT_THAT(names_in(parent.path()), UnorderedElementsAre("out"));
}

TEST(AtomicFolder, RefusesAFolderWithAFileOfSomebodyElse) {
  const TemporaryFolder parent;
  publish(parent.file("out"), "old");
  parent.write("out/notes.txt", "mine");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { publish(parent.file("out"), "new"); }),
              HasSubstr("out: holds notes.txt, which midpo did not write"));
  EXPECT_EQ(parent.read("out/weights"), "old");
}

TEST(AtomicFolder, ReplacesOtherFilesWhenTold) {
  const TemporaryFolder parent;
  fs::create_directory(parent.file("out"));
  parent.write("out/notes.txt", "mine");
  publish(parent.file("out"), "new", ExistingFolder::kReplace);
  EXPECT_THAT(names_in(parent.file("out")), UnorderedElementsAre(".midpo", "weights"));
}

TEST(AtomicFolder, NeverReplacesAFolderOfFolders) {
  const TemporaryFolder parent;
  fs::create_directories(parent.file("home/projects"));
  const auto replace = [&] { publish(parent.file("home"), "new", ExistingFolder::kReplace); };
  EXPECT_THAT(error_text(ErrorCode::kConfig, replace), HasSubstr("holds a folder, projects"));
}

TEST(AtomicFolder, RefusesAPathThatIsAFile) {
  const TemporaryFolder parent;
  parent.write("out", "text");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { publish(parent.file("out"), "new"); }),
              HasSubstr("out: is no folder"));
}

TEST(AtomicFolder, IsRemovedWithWhatAKilledRemovalLeft) {
  TemporaryFolder folder;
  fs::create_directories(folder.file("made/part"));
  fs::create_directories(folder.file("made.midpo-old/part"));
  folder.write("made/part/file", "1");
  folder.write("made.midpo-old/part/file", "0");
  remove_folder_atomically(folder.file("made"));
  EXPECT_FALSE(fs::exists(folder.file("made")));
  EXPECT_FALSE(fs::exists(folder.file("made.midpo-old")));
  remove_folder_atomically(folder.file("made"));
}

TEST(AtomicFolder, RemovesWhatAKilledRunLeft) {
  const TemporaryFolder parent;
  fs::create_directory(parent.file("out.midpo-tmp"));
  parent.write("out.midpo-tmp/half", "x");
  publish(parent.file("out"), "new");
  EXPECT_THAT(names_in(parent.file("out")), UnorderedElementsAre(".midpo", "weights"));
}

TEST(AtomicFolder, KeepsASymbolicLinkAndReplacesWhereItLeads) {
  const TemporaryFolder parent;
  publish(parent.file("real"), "old");
  fs::create_directory_symlink("real", parent.file("link"));
  publish(parent.file("link"), "new");
  EXPECT_TRUE(fs::is_symlink(parent.file("link")));
  EXPECT_EQ(parent.read("real/weights"), "new");
}

}  // namespace
}  // namespace midpo
