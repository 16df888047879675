// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const ProgressReporter::Clock::time_point kStart{seconds(1000)};

struct Screen {
  std::vector<std::string> statuses;
  std::vector<std::string> lines;
  int columns = 120;
  bool is_unicode = false;

  std::unique_ptr<ProgressReporter> reporter(ProgressStyle style) {
    return make_progress("rank", style, kStart,
                         {.status = [this](const std::string& text) { statuses.push_back(text); },
                          .line = [this](const std::string& text) { lines.push_back(text); },
                          .width = [this] { return columns; },
                          .is_unicode = is_unicode});
  }
};

ProgressState steady_state(double second) {
  return {.fraction = second / 100.0,
          .rows_done = static_cast<std::uint64_t>(730 * second),
          .rows_kept = static_cast<std::uint64_t>(73 * second),
          .tokens_done = static_cast<std::uint64_t>(98'100 * second)};
}

TEST(ProgressBar, ShowsShareRowsTimesRatesAndKept) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update(steady_state(0), kStart);
  bar->update(steady_state(45), kStart + seconds(45));
  EXPECT_EQ(screen.statuses.back(),
            "rank:  45%|##################                      | 32.9k rows "
            "[00:45<00:55, 730 rows/s, 98.1k tok/s, kept 10.0%]");
}

TEST(ProgressLine, SaysNothingOfRowsKeptWhereNoneAreFiltered) {
  Screen screen;
  auto line = screen.reporter(ProgressStyle::kPlain);
  line->finish({.fraction = 1.0, .rows_done = 500}, kStart + seconds(10));
  ASSERT_FALSE(screen.lines.empty());
  EXPECT_THAT(screen.lines.back(), Not(HasSubstr("kept")));
}

TEST(ProgressBar, ShowsTheTotalWhereItIsKnown) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({.fraction = 0.5, .rows_done = 500, .rows_total = 1000}, kStart + seconds(1));
  EXPECT_THAT(screen.statuses.back(), HasSubstr("| 500/1.00k rows ["));
}

TEST(ProgressBar, RatesCoverTheLastTenSeconds) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  for (int i = 0; i <= 1000; ++i) {
    // Ten rows a second for 50 s, then a hundred.
    const auto rows = static_cast<std::uint64_t>(i <= 500 ? i : 500 + (i - 500) * 10);
    bar->update({.fraction = i / 2000.0, .rows_done = rows}, kStart + milliseconds(100 * i));
  }
  EXPECT_THAT(screen.statuses.back(), HasSubstr(", 100 rows/s]"));
}

TEST(ProgressBar, EstimatesFromTheShareDoneSinceTheStart) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({.fraction = 0.5}, kStart);
  bar->update({.fraction = 0.6}, kStart + seconds(60));
  EXPECT_THAT(screen.statuses.back(), HasSubstr("[01:00<04:00,")) << "resumed at one half";
}

TEST(ProgressBar, EstimatesNothingBeforeTheFirstStep) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({}, kStart + seconds(3));
  EXPECT_THAT(screen.statuses.back(), HasSubstr("[00:03<?, 0 rows/s]"));
}

TEST(ProgressBar, DrawsAtMostTenTimesASecond) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  for (int i = 0; i < 1000; ++i) bar->update(steady_state(0), kStart + milliseconds(i));
  EXPECT_EQ(screen.statuses.size(), 10u);
}

TEST(ProgressBar, FitsEveryWidth) {
  for (const bool is_unicode : {false, true}) {
    Screen screen;
    screen.is_unicode = is_unicode;
    for (screen.columns = 1; screen.columns <= 130; ++screen.columns) {
      auto bar = screen.reporter(ProgressStyle::kBar);
      bar->update(steady_state(33), kStart + seconds(33));
      EXPECT_LT(display_width(screen.statuses.back()), static_cast<std::size_t>(screen.columns));
    }
  }
}

TEST(ProgressBar, DrawsEighthsInUnicode) {
  Screen screen;
  screen.is_unicode = true;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({.fraction = 0.0375}, kStart);
  EXPECT_THAT(screen.statuses.back(), StartsWith("rank:   3%|█▌ "));
}

TEST(ProgressBar, NeverShowsAllBeforeItIs) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({.fraction = 0.9999}, kStart);
  EXPECT_THAT(screen.statuses.back(), StartsWith("rank:  99%|"));
}

TEST(ProgressBar, TakesSharesOutOfRange) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update({.fraction = 7.0}, kStart);
  EXPECT_THAT(screen.statuses.back(), StartsWith("rank: 100%|"));
}

TEST(ProgressBar, LeavesTheLastStateAsALine) {
  Screen screen;
  auto bar = screen.reporter(ProgressStyle::kBar);
  bar->update(steady_state(99), kStart + seconds(99));
  bar->finish(steady_state(100), kStart + seconds(100));
  EXPECT_EQ(screen.statuses.back(), "");
  ASSERT_EQ(screen.lines.size(), 1u);
  EXPECT_THAT(screen.lines[0], StartsWith("rank: 100%|####"));
  EXPECT_THAT(screen.lines[0], HasSubstr("[01:40<00:00,"));
}

TEST(PlainProgress, PrintsALineEveryFiveSecondsAndALastOne) {
  Screen screen;
  auto plain = screen.reporter(ProgressStyle::kPlain);
  for (int i = 0; i <= 120; ++i)
    plain->update(steady_state(i / 10.0), kStart + milliseconds(100 * i));
  plain->finish(steady_state(13), kStart + seconds(13));
  EXPECT_THAT(
      screen.lines,
      ElementsAre("rank: 5.0%, 3.65k rows, 5s elapsed, 1m35s left, 730 rows/s, 98.1k tok/s, "
                  "kept 10.0%",
                  StartsWith("rank: 10.0%, 7.30k rows, 10s elapsed, 1m30s left"),
                  StartsWith("rank: 13.0%, 9.49k rows, 13s elapsed, 1m27s left")));
}

TEST(SilentProgress, PrintsNothing) {
  Screen screen;
  auto silent = screen.reporter(ProgressStyle::kNone);
  silent->update(steady_state(50), kStart + seconds(50));
  silent->finish(steady_state(100), kStart + seconds(100));
  EXPECT_TRUE(screen.lines.empty() && screen.statuses.empty());
}

TEST(FormatDuration, UsesTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(seconds(12)), "12s");
  EXPECT_EQ(format_duration(seconds(187)), "3m07s");
  EXPECT_EQ(format_duration(seconds(3720)), "1h02m");
  EXPECT_EQ(format_duration(milliseconds(59'700)), "1m00s");
}

}  // namespace
}  // namespace midpo
