// SPDX-License-Identifier: Apache-2.0
// The whole job with stub scorers: real actors, store and files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "actors/rank_run.h"
#include "actors/stop_request.h"
#include "runtime/core/error.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

/// A stub that fails as a test wants it to.
class FaultyScorer : public Scorer {
 public:
  using Fault = std::function<void(std::span<const RowTokens>)>;
  FaultyScorer(std::uint64_t salt, Fault fault)
      : stub_(make_stub_scorer(salt, 200)), fault_(std::move(fault)) {}
  const ModelInfo& info() const override { return stub_->info(); }
  std::vector<std::vector<double>> score(std::span<const RowTokens> rows) const override {
    if (fault_) fault_(rows);
    return stub_->score(rows);
  }
  double least_flops(std::span<const RowTokens>) const override { return 1.0; }

 private:
  std::shared_ptr<const Scorer> stub_;
  Fault fault_;
};

bool contains_token(std::span<const RowTokens> rows, std::int32_t token) {
  for (const RowTokens& row : rows) {
    if (row.sequences.front().front() == token) return true;
  }
  return false;
}

/// Row i begins with token 1000 + i.
std::string make_rows(int count) {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto list = [&] {
      std::string ids = std::to_string(random() % 500);
      for (unsigned n = random() % 30; n > 0; --n) ids += "," + std::to_string(random() % 500);
      return ids;
    };
    text += "{\"prompt_ids\":[" + std::to_string(1000 + i) + "],\"response_0_ids\":[" + list() +
            "],\"response_1_ids\":[" + list() + "],\"note\":" + std::to_string(i) + "}\n";
  }
  return text;
}

class RankJobTest : public ::testing::Test {
 protected:
  void SetUp() override { data_ = folder_.write("rows.jsonl", make_rows(kRows)); }

  RankJob make_job(const std::string& name, std::uint32_t scorers) {
    RankJob job;
    job.block_rows = 16;
    job.max_blocks_in_flight = 4;
    job.num_scorers = scorers;
    job.num_tokenizers = 2;
    job.output_path = folder_.file(name + ".jsonl");
    job.scores_output_path = folder_.file(name + ".scores.jsonl");
    job.quarantine_path = folder_.file(name + ".run/quarantine.jsonl");
    job.shows_progress = false;
    return job;
  }

  RankResult run(const std::string& name, RankJob job, FaultyScorer::Fault fault = {}) {
    RankRun rank;
    rank.folder = {folder_.file(name + ".run"), ordered_outputs(job)};
    prepare_run_folder(rank.folder, true, false);
    rank.data = {data_};
    rank.requirements.min_responses = 2;
    rank.load_models = [&](RankJob& unfinished) {
      unfinished.templates.push_back(nullptr);
      unfinished.models.push_back(
          {Role::kReward, {std::make_shared<FaultyScorer>(1, fault)}, 0, 0});
      unfinished.models.push_back(
          {Role::kCost, {std::make_shared<FaultyScorer>(2, nullptr)}, 0, 0});
      unfinished.tile_tokens = 200;
    };
    return run_ranking(rank, std::move(job));
  }

  static constexpr int kRows = 300;
  TemporaryFolder folder_;
  std::string data_;
};

TEST_F(RankJobTest, AccountsForEveryRow) {
  const RankResult result = run("a", make_job("a", 2));
  const RunCounters& counters = result.outcome.counters;
  std::uint64_t filtered = 0;
  for (const auto& [reason, rows] : counters.filtered) filtered += rows;
  EXPECT_EQ(counters.rows_in, kRows);
  EXPECT_GT(counters.kept, 0U);
  EXPECT_EQ(counters.kept + filtered + counters.quarantined, counters.rows_in);
  const std::string scores = folder_.read("a.scores.jsonl");
  EXPECT_EQ(std::count(scores.begin(), scores.end(), '\n'), kRows);
}

TEST_F(RankJobTest, WritesTheSameBytesWithAnyNumberOfScorers) {
  run("one", make_job("one", 1));
  for (const std::uint32_t scorers : {2U, 5U, 16U}) {
    const std::string name = "many" + std::to_string(scorers);
    run(name, make_job(name, scorers));
    EXPECT_EQ(folder_.read("one.jsonl"), folder_.read(name + ".jsonl"));
    EXPECT_EQ(folder_.read("one.scores.jsonl"), folder_.read(name + ".scores.jsonl"));
  }
}

TEST_F(RankJobTest, NamesTheRowThatNoScorerCanHandle) {
  const auto poison = [](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1123)) throw Error(ErrorCode::kNumerics, "the score is NaN");
  };
  try {
    run("nan", make_job("nan", 2), poison);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumerics);
    EXPECT_THAT(error.what(), HasSubstr("rows.jsonl:124"));
    EXPECT_THAT(error.what(), HasSubstr("reward model"));
  }
}

TEST_F(RankJobTest, QuarantinesThePoisonRowsAndNoOthers) {
  const auto poison = [](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1007) || contains_token(rows, 1123))
      throw Error(ErrorCode::kNumerics, "NaN");
  };
  RankJob job = make_job("q", 3);
  job.on_bad_row = BadRowPolicy::kQuarantine;
  const RankResult result = run("q", std::move(job), poison);
  EXPECT_EQ(result.outcome.counters.quarantined, 2U);
  const std::string lines = folder_.read("q.run/quarantine.jsonl");
  EXPECT_THAT(lines, HasSubstr("\"row\":7,"));
  EXPECT_THAT(lines, HasSubstr("\"row\":123,"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
}

TEST_F(RankJobTest, SplitsATileThatDoesNotFitInMemoryWithoutChangingBytes) {
  run("fits", make_job("fits", 1));
  const auto small_memory = [](std::span<const RowTokens> rows) {
    if (rows.size() > 2) throw Error(ErrorCode::kOutOfMemory, "too large");
  };
  run("split", make_job("split", 2), small_memory);
  EXPECT_EQ(folder_.read("fits.scores.jsonl"), folder_.read("split.scores.jsonl"));
}

TEST_F(RankJobTest, ReplacesAScorerThatDiesAndLosesNothing) {
  run("calm", make_job("calm", 1));
  auto deaths = std::make_shared<std::atomic<int>>(0);
  const auto die_twice = [deaths](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1050) && deaths->fetch_add(1) < 2)
      throw std::logic_error("lost its way");
  };
  run("deaths", make_job("deaths", 2), die_twice);
  EXPECT_GE(deaths->load(), 3);
  EXPECT_EQ(folder_.read("calm.scores.jsonl"), folder_.read("deaths.scores.jsonl"));
}

TEST_F(RankJobTest, GivesUpOnAScorerThatKeepsDying) {
  const auto always = [](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1050)) throw std::logic_error("lost its way");
  };
  try {
    run("hopeless", make_job("hopeless", 2), always);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_THAT(error.what(), HasSubstr("lost its way"));
  }
}

TEST_F(RankJobTest, ContinuesAfterAnyFailureToTheSameBytes) {
  run("whole", make_job("whole", 1));
  int failures = 0;
  for (int fatal_row = 20; fatal_row < kRows; fatal_row += 40) {
    const auto fails = [fatal_row](std::span<const RowTokens> rows) {
      if (contains_token(rows, 1000 + fatal_row)) throw Error(ErrorCode::kNumerics, "NaN");
    };
    try {
      run("parts", make_job("parts", 2), fails);
    } catch (const Error&) {
      ++failures;  // rows scored before an earlier failure are not scored again, so not every run
                   // fails
    }
  }
  EXPECT_GE(failures, 1);
  run("parts", make_job("parts", 2));
  EXPECT_EQ(folder_.read("whole.jsonl"), folder_.read("parts.jsonl"));
  EXPECT_EQ(folder_.read("whole.scores.jsonl"), folder_.read("parts.scores.jsonl"));
}

TEST_F(RankJobTest, NamesWhoHoldsWhatWhenATileTakesTooLong) {
  RankJob job = make_job("slow", 2);
  job.task_deadline_seconds = 0.3;
  const auto sleep = [](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1010)) std::this_thread::sleep_for(std::chrono::seconds(1));
  };
  try {
    run("slow", std::move(job), sleep);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has held"));
    EXPECT_THAT(error.what(), HasSubstr("reward model"));
  }
}

TEST_F(RankJobTest, RefusesToResumeUnderAnotherPlan) {
  const auto poison = [](std::span<const RowTokens> rows) {
    if (contains_token(rows, 1250)) throw Error(ErrorCode::kNumerics, "NaN");
  };
  EXPECT_THROW(run("plan", make_job("plan", 1), poison), Error);
  RankJob other = make_job("plan", 1);
  other.max_length = 100;
  try {
    run("plan", std::move(other));
    FAIL() << "the plan differs";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), HasSubstr("max_length was 512, is 100"));
  }
}

TEST_F(RankJobTest, StartsAndStopsManyTimes) {
  data_ = folder_.write("few.jsonl", make_rows(3));
  for (int i = 0; i < 50; ++i) {
    const std::string name = "s" + std::to_string(i);
    EXPECT_EQ(run(name, make_job(name, 3)).outcome.counters.rows_in, 3U);
  }
}

}  // namespace
}  // namespace midpo
