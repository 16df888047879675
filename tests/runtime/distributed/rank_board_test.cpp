// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/rank_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const RankBoard::Clock::time_point kStart{};
const RankLimits kLimits{seconds(5), seconds(60)};

RankSign sign(std::uint64_t beat, std::uint64_t calls = 0, std::string failure = {}) {
  return {beat, calls, std::move(failure)};
}

TEST(RankSign, SurvivesBytes) {
  const RankSign read = RankSign::from_bytes(sign(7, 12345678901, "why").to_bytes());
  EXPECT_EQ(read.beat, 7U);
  EXPECT_EQ(read.calls, 12345678901U);
  EXPECT_EQ(read.failure, "why");
}

TEST(RankSign, OfTooFewBytesIsRefused) { EXPECT_THROW(RankSign::from_bytes("abc"), Error); }

TEST(RankBoard, SaysNothingOfRanksThatBeat) {
  RankBoard board(0, 2, kLimits, kStart);
  for (int second = 0; second < 50; ++second) {
    const auto now = kStart + seconds(second);
    board.note({sign(static_cast<std::uint64_t>(second)), sign(static_cast<std::uint64_t>(second))},
               now);
    EXPECT_THAT(board.problem(1, kStart, Patience::kDeadline, now), IsEmpty());
  }
}

TEST(RankBoard, NamesTheRankThatFellSilentAndForHowLong) {
  RankBoard board(0, 3, kLimits, kStart);
  board.note({sign(1), sign(1), sign(1)}, kStart);
  board.note({sign(2), sign(2), sign(1)}, kStart + seconds(4));
  EXPECT_THAT(board.problem(kStart + seconds(5)), IsEmpty());
  const std::string text = board.problem(kStart + milliseconds(5500));
  EXPECT_THAT(text, HasSubstr("rank 2"));
  EXPECT_THAT(text, HasSubstr("5.5 s"));
  EXPECT_THAT(text, Not(HasSubstr("rank 1")));
}

TEST(RankBoard, BlamesRankZeroWhereTheBoardCannotBeRead) {
  RankBoard board(1, 3, kLimits, kStart);
  board.note({sign(1), sign(1), sign(1)}, kStart);
  const std::string text = board.problem(kStart + seconds(6));
  EXPECT_THAT(text, HasSubstr("rank 0"));
  EXPECT_THAT(text, Not(HasSubstr("rank 2")));
}

TEST(RankBoard, SaysThatRankZeroIsGone) {
  RankBoard board(1, 2, kLimits, kStart);
  board.note_closed();
  EXPECT_THAT(board.problem(kStart), HasSubstr("rank 0: is gone"));
}

TEST(RankBoard, PassesOnWhyARankFailed) {
  RankBoard board(0, 2, kLimits, kStart);
  board.note({sign(1), sign(1, 0, "out of memory")}, kStart);
  EXPECT_EQ(board.problem(kStart), "rank 1: out of memory");
}

TEST(RankBoard, NamesTheRankThatLivesButDoesNotCome) {
  RankBoard board(0, 3, kLimits, kStart);
  const auto late = kStart + seconds(61);
  board.note({sign(9, 4), sign(9, 4), sign(9, 3)}, late);
  EXPECT_THAT(board.problem(4, kStart + seconds(2), Patience::kDeadline, late), IsEmpty());
  const std::string text = board.problem(4, kStart, Patience::kDeadline, late);
  EXPECT_THAT(text, HasSubstr("rank 2 is alive"));
  EXPECT_THAT(text, HasSubstr("61.0 s"));
}

TEST(RankBoard, WaitsForOrdersAsLongAsRanksLive) {
  RankBoard board(1, 2, kLimits, kStart);
  const auto late = kStart + std::chrono::hours(5);
  board.note({sign(9, 3), sign(9, 4)}, late);
  EXPECT_THAT(board.problem(4, kStart, Patience::kWhileAlive, late), IsEmpty());
}

}  // namespace
}  // namespace midpo
