// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/report_page.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "runtime/core/error.h"
#include "runtime/report/run_data.h"

namespace midpo {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class RunFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "job");
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  RunData read() const { return read_run("method", folder_.string()); }

  fs::path folder_;
};

TEST_F(RunFolder, IsReadWithItsSubfolders) {
  EvaluationData data;
  data.all["helpful"] = {0.5, 0.4, 0.6, 10};
  write("scores.summary.json", evaluation_json(data));
  write("job/metrics.jsonl", "{\"step\":1,\"time\":2,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n");
  write("job/manifest.json",
        R"({"rows":{"in":5,"out":2,"filtered":{"unsafe":2},"quarantined":1}})");
  write("gates.jsonl", R"({"tokens":["a","b"],"alpha":[[0,1]],"beta":[[0.5,0.25]]})");
  const RunData run = read();
  EXPECT_EQ(run.evaluations.at(0).all.at("helpful").mean, 0.5);
  EXPECT_EQ(run.metrics.at(0).name, "job");
  EXPECT_THAT(run.metrics.at(0).series.at("loss"),
              testing::ElementsAre(testing::Pair(1, 0.5), testing::Pair(2, 0.25)));
  EXPECT_EQ(run.yields.at(0).filtered.at("unsafe"), 2U);
  EXPECT_EQ(run.gates.at(0).alpha.at(0).at(1), 1.0);
}

TEST_F(RunFolder, LosesOnlyALineCutByAKill) {
  write("metrics.jsonl", "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"lo");
  EXPECT_EQ(read().metrics.at(0).series.at("loss").size(), 1U);
}

TEST_F(RunFolder, NamesAFileThatIsDamaged) {
  write("metrics.jsonl", "oops\n{\"step\":2,\"loss\":1}\n");
  try {
    read();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("metrics.jsonl"), HasSubstr("line 1")));
  }
}

TEST_F(RunFolder, RefusesGatesThatDoNotFitTheTokens) {
  write("gates.jsonl", R"({"tokens":["a","b"],"alpha":[[0]],"beta":[[0.5]]})");
  EXPECT_THROW(read(), Error);
}

TEST_F(RunFolder, RefusesAFolderWithNothingToShow) { EXPECT_THROW(read(), Error); }

RunData evaluated(const std::string& name, double helpful, double safe) {
  RunData run;
  run.name = name;
  EvaluationData data;
  data.all["helpful"] = {helpful, helpful - 0.1, helpful + 0.1, 10};
  data.all["safe"] = {safe, safe - 0.1, safe + 0.1, 10};
  run.evaluations.push_back(data);
  return run;
}

TEST(ReportPage, PlacesEveryMethodOnThePlane) {
  const std::string page = report_page({evaluated("base", 0.5, 0.6), evaluated("MidPO", 0.8, 0.9)});
  EXPECT_THAT(page, HasSubstr("<title>base: safe 0.6 [0.5, 0.7], helpful 0.5"));
  EXPECT_THAT(page, HasSubstr("<title>MidPO: safe 0.9"));
}

TEST(ReportPage, LeavesOutSectionsWithoutData) {
  const std::string page = report_page({evaluated("base", 0.5, 0.6)});
  EXPECT_THAT(page, HasSubstr("Safety and helpfulness"));
  EXPECT_THAT(page, Not(HasSubstr("<h2>Training")));
  EXPECT_THAT(page, Not(HasSubstr("<h2>Gates")));
}

TEST(ReportPage, EscapesWhatUsersWrote) {
  RunData run = evaluated("<script>alert(1)</script>", 0.5, 0.6);
  run.gates.push_back({{"<img>"}, {{0.5}}, {{0.5}}});
  const std::string page = report_page({run});
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_THAT(page, Not(HasSubstr("<img>")));
}

TEST(ReportPage, NeedsNothingFromElsewhere) {
  const std::string page = report_page({evaluated("base", 0.5, 0.6)});
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, Not(HasSubstr("href=")));
}

TEST(ReportPage, ShowsCurvesRatesRowsAndGates) {
  RunData run;
  run.name = "m";
  run.metrics.push_back({"job",
                         {{"loss", {{1, 0.7}, {2, 0.6}}},
                          {"num_tokens", {{1, 100}, {2, 300}}},
                          {"time", {{1, 10.0}, {2, 12.0}}}}});
  run.yields.push_back({"rank", 10, 6, 1, {{"unsafe", 3}}});
  run.gates.push_back({{"Sure", "!"}, {{0.25, 0.5}}, {{0.5, 1.0}}});
  const std::string page = report_page({run});
  EXPECT_THAT(page, HasSubstr("<polyline"));
  EXPECT_THAT(page, HasSubstr("unsafe: 3 (30 %)"));
  EXPECT_THAT(page, HasSubstr("layer 0, Sure: 0.25"));
  EXPECT_THAT(page, HasSubstr("m job</td><td>100</td>"));
}

}  // namespace
}  // namespace midpo
