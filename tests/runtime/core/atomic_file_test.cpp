// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/atomic_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "runtime/core/error.h"
#include "tests/runtime/store/file_size_limit.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

bool exists(const std::string& path) { return std::filesystem::exists(path); }

TEST(WriteFileAtomically, ReplacesTheContentAndLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("manifest.json");
  write_file_atomically(path, "old");
  write_file_atomically(path, "new content");
  EXPECT_EQ(read_file(path), "new content");
  EXPECT_FALSE(exists(path + ".tmp"));
}

TEST(WriteFileAtomically, IgnoresAStaleTemporaryFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_file(path + ".tmp", "a longer text from a killed run");
  write_file_atomically(path, "short");
  EXPECT_EQ(read_file(path), "short");
}

TEST(WriteFileAtomically, NamesPathAndCauseWhenTheFolderIsMissing) {
  const TemporaryFolder folder;
  const std::string text =
      error_text(ErrorCode::kStorage, [&] { write_file_atomically(folder.file("none/a"), "x"); });
  EXPECT_THAT(text, HasSubstr(folder.file("none/a")));
  EXPECT_THAT(text, HasSubstr("No such file"));
}

TEST(WriteFileAtomically, LeavesTheOldContentWhenTheRenameFails) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("a"));
  EXPECT_THROW(write_file_atomically(folder.file("a"), "x"), Error);
  EXPECT_TRUE(std::filesystem::is_directory(folder.file("a")));
  EXPECT_FALSE(exists(folder.file("a.tmp")));
}

TEST(MakeDirectories, CreatesParentsAndAcceptsExistingOnes) {
  const TemporaryFolder folder;
  make_directories(folder.file("a/b/c/"));
  make_directories(folder.file("a/b/c"));
  EXPECT_TRUE(std::filesystem::is_directory(folder.file("a/b/c")));
}

TEST(MakeDirectories, NamesTheFileThatIsInTheWay) {
  const TemporaryFolder folder;
  write_file(folder.file("a"), "");
  const std::string text =
      error_text(ErrorCode::kStorage, [&] { make_directories(folder.file("a/b")); });
  EXPECT_THAT(text, HasSubstr(folder.file("a")));
}

TEST(GrowingFile, PublishesWhatWasAppended) {
  const TemporaryFolder folder;
  GrowingFile file(folder.file("out"), 0);
  file.append("one ");
  file.append("two");
  EXPECT_FALSE(exists(folder.file("out")));
  file.publish();
  EXPECT_EQ(read_file(folder.file("out")), "one two");
  EXPECT_FALSE(exists(folder.file("out.partial")));
}

TEST(GrowingFile, PublishesTwiceAsOnce) {
  const TemporaryFolder folder;
  GrowingFile file(folder.file("out"), 0);
  file.append("x");
  file.publish();
  file.publish();
  EXPECT_EQ(file.make_durable(), 1u);
  EXPECT_EQ(read_file(folder.file("out")), "x");
}

TEST(GrowingFile, PublishesAnEmptyOutput) {
  const TemporaryFolder folder;
  GrowingFile(folder.file("out"), 0).publish();
  EXPECT_TRUE(exists(folder.file("out")));
}

TEST(GrowingFile, ContinuesBehindTheDurableBytes) {
  const TemporaryFolder folder;
  {
    GrowingFile file(folder.file("out"), 0);
    file.append("durable");
    EXPECT_EQ(file.make_durable(), 7u);
    file.append(std::string(3 << 20, 'x'));  // reaches the file, but nobody was promised it
  }
  GrowingFile file(folder.file("out"), 7);
  file.append(" and more");
  file.publish();
  EXPECT_EQ(read_file(folder.file("out")), "durable and more");
}

TEST(GrowingFile, WritesPiecesLargerThanItsBuffer) {
  const TemporaryFolder folder;
  const std::string large(5 << 20, 'y');
  GrowingFile file(folder.file("out"), 0);
  file.append("a");
  file.append(large);
  file.append("b");
  EXPECT_EQ(file.make_durable(), large.size() + 2);
  file.publish();
  EXPECT_EQ(read_file(folder.file("out")), "a" + large + "b");
}

TEST(GrowingFile, RefusesToContinueFromFewerBytes) {
  const TemporaryFolder folder;
  write_file(folder.file("out.partial"), "abc");
  const std::string text =
      error_text(ErrorCode::kStorage, [&] { GrowingFile(folder.file("out"), 4); });
  EXPECT_THAT(text, HasSubstr("holds 3 bytes, the run recorded 4"));
}

TEST(GrowingFile, RefusesToContinueFromNothing) {
  const TemporaryFolder folder;
  EXPECT_THROW(GrowingFile(folder.file("out"), 4), Error);
  EXPECT_FALSE(exists(folder.file("out.partial")));
}

TEST(GrowingFile, RecognisesAnInterruptedPublish) {
  const TemporaryFolder folder;
  write_file(folder.file("out"), "abcd");
  GrowingFile file(folder.file("out"), 4);
  EXPECT_TRUE(file.is_published());
  EXPECT_NO_THROW(file.publish());
  EXPECT_EQ(read_file(folder.file("out")), "abcd");
}

TEST(GrowingFile, RefusesToAppendAfterPublishing) {
  const TemporaryFolder folder;
  GrowingFile file(folder.file("out"), 0);
  file.publish();
  error_text(ErrorCode::kInternal, [&] { file.append("x"); });
}

TEST(GrowingFile, KeepsAnEarlierOutputUntilItPublishes) {
  const TemporaryFolder folder;
  write_file(folder.file("out"), "");  // as mktemp leaves it
  GrowingFile file(folder.file("out"), 0);
  file.append("new");
  file.make_durable();
  EXPECT_EQ(read_file(folder.file("out")), "");
  file.publish();
  EXPECT_EQ(read_file(folder.file("out")), "new");
}

TEST(GrowingFile, IsSpentAfterAFailureEvenIfTheDiskRecovers) {
  const TemporaryFolder folder;
  {
    GrowingFile file(folder.file("out"), 0);
    file.append("durable");
    file.make_durable();
    file.append("too much");
    {
      const testing::FileSizeLimit limit(10);
      const std::string text = error_text(ErrorCode::kStorage, [&] { file.make_durable(); });
      EXPECT_THAT(text, HasSubstr("File too large"));
      EXPECT_THAT(text, HasSubstr("its first 7 bytes are safe"));
    }
    error_text(ErrorCode::kStorage, [&] { file.make_durable(); });
    error_text(ErrorCode::kStorage, [&] { file.append("x"); });
    error_text(ErrorCode::kStorage, [&] { file.publish(); });
  }
  GrowingFile file(folder.file("out"), 7);
  file.publish();
  EXPECT_EQ(read_file(folder.file("out")), "durable");
}

TEST(WriteFileAtomically, LeavesTheOldContentWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  write_file_atomically(folder.file("a"), "old");
  {
    const testing::FileSizeLimit limit(10);
    EXPECT_THROW(write_file_atomically(folder.file("a"), "content beyond the limit"), Error);
  }
  EXPECT_EQ(read_file(folder.file("a")), "old");
  EXPECT_FALSE(exists(folder.file("a.tmp")));
}

TEST(GrowingFile, RefusesAFifoBeforeAnyWork) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo(folder.file("out").c_str(), 0600), 0);
  const std::string text =
      error_text(ErrorCode::kStorage, [&] { GrowingFile(folder.file("out"), 0); });
  EXPECT_THAT(text, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace midpo
