// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/program_judge.h"

#include <gmock/gmock.h>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::chrono::milliseconds kAmple{20'000};
const std::vector<JudgedResponse> kTwo = {{"p \"1\"", " r1"}, {"p2", "r2"}};

std::string failure_of(const std::string& command) {
  try {
    ask_program(command, kTwo, kAmple);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    return error.what();
  }
  return "no failure";
}

TEST(ProgramJudge, ReadsNumbersBooleansAndTheKind) {
  const auto verdicts = ask_program(
      R"(echo '{"helpful":0.5,"safe":true,"kind":"fine","note":"x"}'; echo '{"helpful":1}')", kTwo,
      kAmple);
  EXPECT_EQ(verdicts[0].kind, "fine");
  EXPECT_THAT(verdicts[0].numbers,
              testing::ElementsAre(testing::Pair("helpful", 0.5), testing::Pair("safe", 1.0)));
  EXPECT_THAT(verdicts[1].numbers, testing::ElementsAre(testing::Pair("helpful", 1.0)));
}

TEST(ProgramJudge, AsksInOrderWithEscapedTexts) {
  // The program echoes a number only for the lines it expects.
  const auto verdicts = ask_program(
      R"(read -r a; read -r b;
         [ "$a" = '{"prompt":"p \"1\"","response":" r1"}' ] && echo '{"n":1}';
         [ "$b" = '{"prompt":"p2","response":"r2"}' ] && echo '{"n":2}')",
      kTwo, kAmple);
  EXPECT_EQ(verdicts[0].numbers.at("n"), 1.0);
  EXPECT_EQ(verdicts[1].numbers.at("n"), 2.0);
}

TEST(ProgramJudge, RefusesTooFewAnswers) {
  EXPECT_THAT(failure_of("echo '{\"safe\":1}'"),
              testing::HasSubstr("gave 1 answers to 2 responses"));
}

TEST(ProgramJudge, NamesTheLineThatIsNotAnObject) {
  EXPECT_THAT(failure_of("echo '{\"safe\":1}'; echo oops"),
              testing::AllOf(testing::HasSubstr("line 2"), testing::HasSubstr("oops")));
}

TEST(ProgramJudge, NamesTheLineWithoutANumber) {
  EXPECT_THAT(failure_of("echo '{\"safe\":1}'; echo '{\"safe\":\"yes\"}'"),
              testing::HasSubstr("line 2"));
}

}  // namespace
}  // namespace midpo
