// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/filter_program.h"

#include <gmock/gmock.h>

#include <chrono>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kAmple{20'000};

std::string failure_of(const std::string& command, milliseconds deadline = kAmple) {
  try {
    run_filter(command, "input\n", deadline);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    return error.what();
  }
  return "no failure";
}

TEST(FilterProgram, GivesBackWhatTheProgramWrites) {
  EXPECT_EQ(run_filter("tr a-z A-Z", "one\ntwo\n", kAmple), "ONE\nTWO\n");
}

TEST(FilterProgram, PassesMoreThanAPipeHolds) {
  const std::string input(3'000'000, 'x');
  EXPECT_EQ(run_filter("cat", input, kAmple), input);
}

TEST(FilterProgram, AcceptsAProgramThatReadsNothing) {
  EXPECT_EQ(run_filter("echo fixed", std::string(1'000'000, 'x'), kAmple), "fixed\n");
}

TEST(FilterProgram, NamesTheStatusOfAProgramThatFails) {
  EXPECT_THAT(failure_of("echo half; exit 3"), testing::HasSubstr("ended with status 3"));
}

TEST(FilterProgram, NamesTheSignalThatKilledIt) {
  EXPECT_THAT(failure_of("kill -9 $$"), testing::HasSubstr("signal 9"));
}

TEST(FilterProgram, NamesACommandThatDoesNotExist) {
  EXPECT_THAT(failure_of("no-such-judge-program 2>/dev/null"),
              testing::HasSubstr("no-such-judge-program"));
}

TEST(FilterProgram, EndsASlowProgramAtTheDeadline) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(failure_of("sleep 60", milliseconds(200)), testing::HasSubstr("not done after"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(10'000));
}

TEST(FilterProgram, EndsAProgramThatWritesWithoutEnd) {
  EXPECT_THAT(failure_of("yes"), testing::HasSubstr("wrote more than 64 MiB"));
  EXPECT_THAT(failure_of("while :; do echo x; done", milliseconds(200)),
              testing::HasSubstr("not done after"));
}

TEST(FilterProgram, EndsAlsoAProgramThatClosedItsOutput) {
  EXPECT_THAT(failure_of("exec >&-; sleep 60", milliseconds(200)),
              testing::HasSubstr("not done after"));
}

}  // namespace
}  // namespace midpo
