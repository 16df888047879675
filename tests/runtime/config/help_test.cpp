// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "runtime/config/completion.h"
#include "tests/runtime/config/demo_options.h"

namespace midpo {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HelpText, PutsUsageAndExamplesOnTop) {
  DemoOptions demo;
  const std::string text = demo.table.help_text();
  EXPECT_THAT(text, testing::StartsWith("Usage: midpo rank"));
  EXPECT_LT(text.find("midpo rank --data rows.jsonl"), text.find("Input:"));
  EXPECT_LT(text.find("Input:"), text.find("Method:"));
}

TEST(HelpText, SaysThatAConfigMayComeFirst) {
  DemoOptions demo;
  EXPECT_THAT(demo.table.help_text(), Not(HasSubstr("[CONFIG]")));
  demo.table.take_config();
  EXPECT_THAT(demo.table.help_text(), testing::StartsWith("Usage: midpo rank [CONFIG]"));
}

TEST(HelpText, NamesDefaultChoicesAliasAndVariable) {
  DemoOptions demo;
  const std::string text = demo.table.help_text();
  EXPECT_THAT(text, HasSubstr("[one of scores, labels, dual; default scores;"));
  EXPECT_THAT(text, HasSubstr("default 512; also --cutoff-len; MIDPO_MAX_LENGTH"));
  EXPECT_THAT(text, HasSubstr("--[no-]special-tokens"));
}

TEST(HelpText, StaysWithinHundredColumns) {
  DemoOptions demo;
  std::string value;
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  demo.table.text("a_rather_long_name_for_an_option_of_ours", &value, "DIRECTORY", words);
  std::istringstream lines(demo.table.help_text());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

std::string completed(const std::string& script, const std::string& words, int word) {
  const std::string path = testing::TempDir() + "midpo_completion.bash";
  std::ofstream(path) << script << "COMP_WORDS=(" << words << ")\nCOMP_CWORD=" << word
                      << "\n_midpo_complete\necho \"${COMPREPLY[@]}\"\n";
  FILE* shell = ::popen(("bash " + path).c_str(), "r");
  std::string output(4096, '\0');
  output.resize(std::fread(output.data(), 1, output.size(), shell));
  ::pclose(shell);
  return output;
}

TEST(BashCompletion, CompletesCommandsFlagsAndChoices) {
  DemoOptions demo;
  const OptionTable other("score", "Scores.");
  const std::string script = bash_completion("midpo", {&demo.table, &other});
  EXPECT_EQ(completed(script, "midpo s", 1), "score\n");
  EXPECT_EQ(completed(script, "midpo rank --max", 2), "--max-length\n");
  EXPECT_EQ(completed(script, "midpo rank --no-sp", 2), "--no-special-tokens\n");
  EXPECT_EQ(completed(script, "midpo rank --policy d", 3), "dual\n");
  EXPECT_EQ(completed(script, "midpo rank --output fi", 3), "\n") << "left to file names";
}

}  // namespace
}  // namespace midpo
