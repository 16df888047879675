// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

std::string captured(void (*action)()) {
  testing::internal::CaptureStderr();
  action();
  return testing::internal::GetCapturedStderr();
}

std::vector<nlohmann::json> json_lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

class Log : public testing::Test {
 protected:
  void SetUp() override {
    log::set_level(log::Level::kInfo);
    path_ = testing::TempDir() + "midpo_log_test.jsonl";
    std::remove(path_.c_str());
  }

  std::string path_;
};

TEST_F(Log, WritesTimeLevelEventAndFields) {
  const std::string line = captured([] {
    log::info("tile_scored", {{"rows", 16}, {"loss", 0.5}, {"model", "reward"}, {"ok", true}});
  });
  EXPECT_THAT(line, MatchesRegex("[0-9]+:[0-9]+:[0-9]+ info tile_scored rows=16 loss=0.5 "
                                 "model=reward ok=true\n"));
}

TEST_F(Log, QuotesValuesThatWouldSplit) {
  const std::string line = captured([] {
    log::warn("odd", {{"a", "x y"}, {"b", ""}, {"c", "k=v"}, {"d", "line\nfeed \"q\""}});
  });
  EXPECT_THAT(line, EndsWith(R"( warn odd a="x y" b="" c="k=v" d="line\nfeed \"q\"")"
                             "\n"));
}

TEST_F(Log, EscapesTerminalControls) {
  EXPECT_THAT(captured([] {
                log::info("e", {{"v", "\x1b[31m"}});
              }),
              HasSubstr(R"(v="\u001b[31m")"));
}

TEST_F(Log, UsesNoColourOffATerminal) {
  EXPECT_EQ(captured([] { log::error("bad"); }).find('\x1b'), std::string::npos);
}

TEST_F(Log, DropsLinesBelowTheLevel) {
  EXPECT_EQ(captured([] { log::debug("quiet"); }), "");
  log::set_level(log::Level::kError);
  EXPECT_EQ(captured([] { log::warn("quiet"); }), "");
  EXPECT_NE(captured([] { log::error("loud"); }), "");
}

TEST_F(Log, PrintsBracesAsTheyAre) {
  EXPECT_THAT(captured([] { log::info("e", {{"v", "{}%s"}}); }), EndsWith("v={}%s\n"));
}

TEST_F(Log, WritesJsonLinesWithTheSameFields) {
  log::open_jsonl(path_);
  captured([] {
    log::info("step",
              {{"n", std::uint64_t{18446744073709551615u}}, {"t", "a\"\n\xff"}, {"b", false}});
  });
  const nlohmann::json line = json_lines(path_).at(0);
  EXPECT_EQ(line["event"], "step");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["n"], 18446744073709551615u);
  EXPECT_EQ(line["t"], "a\"\n\xef\xbf\xbd");
  EXPECT_EQ(line["b"], false);
  EXPECT_THAT(line["time"].get<std::string>(), MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9]+Z"));
}

TEST_F(Log, WritesNonFiniteNumbersAsStringsInJson) {
  log::open_jsonl(path_);
  captured([] {
    log::info("e", {{"a", std::nan("")}, {"b", -std::numeric_limits<double>::infinity()}});
  });
  const nlohmann::json line = json_lines(path_).at(0);
  EXPECT_EQ(line["a"], "nan");
  EXPECT_EQ(line["b"], "-inf");
}

TEST_F(Log, AppendsToAnExistingJsonFile) {
  std::ofstream(path_) << "{}\n";
  log::open_jsonl(path_);
  captured([] { log::info("e"); });
  EXPECT_EQ(json_lines(path_).size(), 2u);
}

TEST_F(Log, NamesAJsonFileItCannotOpen) {
  try {
    log::open_jsonl("/proc/nowhere/log.jsonl");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
    EXPECT_THAT(error.what(), HasSubstr("/proc/nowhere/log.jsonl"));
  }
}

TEST_F(Log, ClearsTheStatusLineBeforeALineAndDrawsItAgain) {
  const std::string text = captured([] {
    log::set_status_line("bar");
    log::info("e");
    log::set_status_line("");
  });
  EXPECT_THAT(text, MatchesRegex("\rbar\x1b\\[J\r\x1b\\[J[0-9:]+ info e\nbar\x1b\\[J\r\x1b\\[J"));
}

TEST_F(Log, DrawsSeveralStatusLinesOverThemselves) {
  const std::string text = captured([] {
    log::set_status_line("bar\nactor");
    log::set_status_line("bar\nidle");
    log::set_status_line("");
  });
  EXPECT_EQ(text, "\rbar\x1b[K\nactor\x1b[J\x1b[1A\rbar\x1b[K\nidle\x1b[J\x1b[1A\r\x1b[J");
}

TEST_F(Log, PrintsAPlainLineInPlaceOfTheStatusLine) {
  const std::string text = captured([] {
    log::set_status_line("bar");
    log::print_line("done");
    log::info("e");
  });
  EXPECT_THAT(text, MatchesRegex("\rbar\x1b\\[J\r\x1b\\[Jdone\n[0-9:]+ info e\n"));
}

TEST_F(Log, KeepsLinesWholeAcrossThreads) {
  log::open_jsonl(path_);
  const std::string text = captured([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 200; ++i) log::info("event", {{"thread", t}, {"i", i}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  EXPECT_EQ(json_lines(path_).size(), 800u);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_THAT(line, MatchesRegex("[0-9:]+ info event thread=[0-3] i=[0-9]+"));
}

}  // namespace
}  // namespace midpo
