// SPDX-License-Identifier: Apache-2.0
#include "actors/online/prompt_quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kStaleness = 2;

PreferenceRow prompt(std::uint64_t row) {
  PreferenceRow made;
  made.row = row;
  made.position = {0, row + 1};
  made.json = R"({"prompt":"say \"it\""})";
  return made;
}

TEST(PromptQuarantine, LeavesOutOfItsRoundAndOfThoseThatBeginLater) {
  const TemporaryFolder folder;
  PromptQuarantine quarantine(folder.file("q.jsonl"), kStaleness);
  quarantine.add(3, prompt(5), "it ends the process");
  EXPECT_TRUE(quarantine.excludes(3, 5));
  for (const std::uint64_t round : {0, 1, 2, 4, 5}) {
    EXPECT_FALSE(quarantine.excludes(round, 5)) << "written beside round 3, or before: " << round;
  }
  EXPECT_TRUE(quarantine.excludes(6, 5));
  EXPECT_FALSE(quarantine.excludes(6, 4));
}

TEST(PromptQuarantine, IsKeptOverRestarts) {
  const TemporaryFolder folder;
  PromptQuarantine(folder.file("q.jsonl"), kStaleness).add(3, prompt(5), "it ends the process");
  PromptQuarantine again(folder.file("q.jsonl"), kStaleness);
  EXPECT_TRUE(again.excludes(3, 5));
  again.add(4, prompt(5), "it ends the process");
  EXPECT_EQ(again.num_prompts(), 1U) << "in two rounds";
}

TEST(PromptQuarantine, HasTheSameFileWhateverTheOrderOfDeaths) {
  const TemporaryFolder folder;
  PromptQuarantine one(folder.file("one"), kStaleness);
  one.add(3, prompt(5), "x");
  one.add(1, prompt(7), "x");
  PromptQuarantine two(folder.file("two"), kStaleness);
  two.add(1, prompt(7), "x");
  two.add(3, prompt(5), "x");
  two.add(3, prompt(5), "x");
  EXPECT_EQ(folder.read("one"), folder.read("two"));
  EXPECT_THAT(folder.read("one"), HasSubstr(R"({"round":1,"row":7,"line":8,"file":0,)"));
}

TEST(PromptQuarantine, KeepsOneOfTwoCausesWhicheverComesFirst) {
  const TemporaryFolder folder;
  for (const bool is_swapped : {false, true}) {
    PromptQuarantine quarantine(folder.file(is_swapped ? "ba" : "ab"), kStaleness);
    quarantine.add(3, prompt(5), is_swapped ? "b" : "a");
    quarantine.add(3, prompt(5), is_swapped ? "a" : "b");
  }
  EXPECT_EQ(folder.read("ab"), folder.read("ba"));
  EXPECT_THAT(folder.read("ab"), HasSubstr(R"("reason":"a")"));
}

TEST(PromptQuarantine, NamesALineThatIsNotItsOwn) {
  const TemporaryFolder folder;
  const std::string path = folder.write("q.jsonl", "{\"round\":1,\"row\":2}\nnothing\n");
  EXPECT_THAT(error_text(ErrorCode::kData, [&] { PromptQuarantine(path, kStaleness); }),
              HasSubstr("q.jsonl:2"));
}

}  // namespace
}  // namespace midpo
