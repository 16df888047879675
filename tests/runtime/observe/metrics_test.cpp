// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/core/error.h"
#include "runtime/observe/tensorboard.h"

namespace midpo {
namespace {

using testing::HasSubstr;

std::string bytes_of(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class Metrics : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }

  const std::string path_ = testing::TempDir() + "midpo_metrics_test.jsonl";
};

TEST_F(Metrics, WritesOneObjectPerStep) {
  auto metrics = MetricsWriter::open(path_);
  metrics->write(12, {{"loss", 0.1}, {"rewards/margins", -3.0}});
  metrics->write(13, {{"loss", 1e-7}});
  std::istringstream lines(bytes_of(path_));
  std::string line;
  std::getline(lines, line);
  const auto first = nlohmann::json::parse(line);
  EXPECT_EQ(first["step"], 12);
  EXPECT_EQ(first["loss"], 0.1);
  EXPECT_EQ(first["rewards/margins"], -3.0);
  EXPECT_GT(first["time"], 1.6e9);
  std::getline(lines, line);
  EXPECT_EQ(nlohmann::json::parse(line)["loss"], 1e-7);
}

TEST_F(Metrics, AppendAfterReopening) {
  MetricsWriter::open(path_)->write(1, {{"loss", 1.0}});
  MetricsWriter::open(path_)->write(2, {{"loss", 2.0}});
  const std::string bytes = bytes_of(path_);
  EXPECT_EQ(std::ranges::count(bytes, '\n'), 2);
}

TEST_F(Metrics, KeepTheLinesOfACheckpoint) {
  std::ofstream(path_) << "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st";
  keep_metrics(path_, 2);
  EXPECT_EQ(bytes_of(path_), "{\"step\":1}\n{\"step\":2}\n");
  keep_metrics(path_, 5);
  EXPECT_EQ(bytes_of(path_), "{\"step\":1}\n{\"step\":2}\n") << "fewer lines than asked for";
  keep_metrics(path_, 0);
  EXPECT_EQ(bytes_of(path_), "");
}

TEST_F(Metrics, KeepNothingOfAMissingFile) {
  keep_metrics(path_, 3);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Metrics, RemoveACutLineOnReopening) {
  std::ofstream(path_) << "{\"step\":1}\n{\"step\":2,\"lo";
  MetricsWriter::open(path_);
  EXPECT_EQ(bytes_of(path_), "{\"step\":1}\n");
}

TEST_F(Metrics, RemoveACutLineLongerThanABlock) {
  std::ofstream(path_) << "{\"step\":1}\n" << std::string(10'000, 'x');
  MetricsWriter::open(path_);
  EXPECT_EQ(bytes_of(path_), "{\"step\":1}\n");
}

TEST_F(Metrics, RemoveACutFirstLine) {
  std::ofstream(path_) << std::string(10'000, 'x');
  MetricsWriter::open(path_);
  EXPECT_EQ(bytes_of(path_), "");
}

TEST_F(Metrics, RefuseNonFiniteValuesByNameAndWriteNothing) {
  auto metrics = MetricsWriter::open(path_);
  try {
    metrics->write(7, {{"loss", 1.0}, {"grad_norm", std::nan("")}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumerics);
    EXPECT_STREQ(error.what(), "metric grad_norm is nan at step 7, must be finite");
  }
  EXPECT_EQ(bytes_of(path_), "");
}

TEST_F(Metrics, NameAFileTheyCannotOpen) {
  try {
    MetricsWriter::open("/proc/nowhere/metrics.jsonl");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kStorage);
    EXPECT_THAT(error.what(), HasSubstr("/proc/nowhere/metrics.jsonl: cannot be opened"));
  }
}

TEST_F(Metrics, ReportAFullDisk) {
  auto metrics = MetricsWriter::open("/dev/full");
  EXPECT_THROW(metrics->write(1, {{"loss", 1.0}}), Error);
}

TEST(TensorBoardRecord, FramesThePayload) {
  const std::string record = tensorboard_record("payload");
  EXPECT_EQ(record.size(), 8 + 4 + 7 + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\x07\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 7), "payload");
}

TEST(TensorBoard, RefusesNonFiniteValues) {
  auto board = open_tensorboard(testing::TempDir() + "midpo_board");
  EXPECT_THROW(board->write(1, {{"loss", INFINITY}}), Error);
}

/// The bytes of the one events file that a writer makes.
std::string events_of(std::uint64_t first_step) {
  const std::string folder = testing::TempDir() + "midpo_events_test";
  std::filesystem::remove_all(folder);
  open_tensorboard(folder, first_step);
  return bytes_of(std::filesystem::directory_iterator(folder)->path());
}

TEST(TensorBoard, VoidsLaterStepsOfEarlierFilesWhenARunContinues) {
  using std::string_literals::operator""s;
  const std::string start = "\x10\x05\x3a\x02\x08\x01"s;  // step 5, session_log { status START }
  EXPECT_THAT(events_of(5), HasSubstr(start));
  EXPECT_THAT(events_of(0), testing::Not(HasSubstr("\x3a\x02\x08\x01"s)));
}

}  // namespace
}  // namespace midpo
