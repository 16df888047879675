// SPDX-License-Identifier: Apache-2.0
// Data-parallel learners with stub models, on ranks that are threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "actors/learning/data_parallel_learner.h"
#include "actors/learning/rank_calls.h"
#include "actors/learning/rank_processes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<TrainingRow> make_rows(std::size_t count) {
  std::mt19937 random(5);
  std::vector<TrainingRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    rows[i].row = i;
    rows[i].offset = 0.01 * static_cast<double>(i);
    for (std::int32_t first = 1; first <= 2; ++first) {
      std::vector<std::int32_t> sequence{9, first};
      for (unsigned n = random() % 40; n > 0; --n) {
        sequence.push_back(static_cast<std::int32_t>(random() % 500));
      }
      rows[i].tokens.sequences.push_back(std::move(sequence));
    }
  }
  return rows;
}

BatchCount count_all(const Learner& learner, std::span<const TrainingRow> rows) {
  BatchCount count;
  for (const TrainingRow& row : rows) count += learner.count(row);
  return count;
}

/// A few steps, each given in two parts, as a training session gives them. @return losses and
/// norms.
std::vector<double> train(Learner& learner) {
  const std::vector<TrainingRow> rows = make_rows(10);
  const BatchCount batch = count_all(learner, rows);
  std::vector<double> numbers;
  for (int step = 0; step < 20; ++step) {
    LossReport report = learner.accumulate(std::span(rows).first(4), batch);
    report += learner.accumulate(std::span(rows).subspan(4), batch);
    numbers.push_back(report.loss);
    numbers.push_back(learner.apply(0.05));
  }
  const LossReport report = learner.evaluate(rows, batch);
  numbers.push_back(report.loss);
  for (const NamedNumber& sum : report.sums) numbers.push_back(sum.value);
  return numbers;
}

std::unique_ptr<Learner> stub(std::shared_ptr<Collective> collective) {
  LearnerOptions options;
  options.collective = std::move(collective);
  return make_stub_learner(options);
}

/// What rank 0 does with a learner whose other ranks serve it.
void with_ranks(int size, const std::function<void(Learner&)>& body) {
  run_thread_ranks(size, [&](const std::shared_ptr<Collective>& collective) {
    std::shared_ptr<Learner> own = stub(collective);
    if (collective->rank() > 0) return serve_learner_rank(*own, *collective);
    DataParallelLearner learner(own, collective);
    body(learner);
  });
}

TEST(RankCall, SurvivesBytes) {
  RankCall call;
  call.kind = RankCall::Kind::kEvaluate;
  call.rows = make_rows(3);
  call.rows[1].trained = {{2, 5}, {7, 9}};
  call.rows[2].is_second_unsafe = true;
  call.batch = {3, 99};
  call.learning_rate = 1e-5;
  call.path = "a path";
  const RankCall read = RankCall::from_bytes(call.to_bytes());
  EXPECT_EQ(read.kind, call.kind);
  ASSERT_EQ(read.rows.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(read.rows[i].tokens, call.rows[i].tokens);
  EXPECT_EQ(read.rows[1].trained[1].end, 9U);
  EXPECT_TRUE(read.rows[2].is_second_unsafe);
  EXPECT_EQ(read.batch.tokens, 99);
  EXPECT_EQ(read.learning_rate, 1e-5);
  EXPECT_EQ(read.path, "a path");
}

TEST(RankCall, CutOffAnywhereIsRefused) {
  RankCall call;
  call.rows = make_rows(2);
  call.path = "p";
  const std::string bytes = call.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(RankCall::from_bytes(bytes.substr(0, size)), Error) << size;
  }
  EXPECT_THROW(RankCall::from_bytes(bytes + "x"), Error);
}

TEST(RankOutcome, CarriesReportsAndErrors) {
  RankOutcome outcome;
  outcome.report.loss = 0.25;
  outcome.report.sums = {{"rewards/margins", -1.5}};
  outcome.norm = 3.0;
  const RankOutcome read = RankOutcome::from_bytes(outcome.to_bytes());
  EXPECT_FALSE(read.error);
  EXPECT_EQ(read.report.loss, 0.25);
  EXPECT_EQ(read.report.sums[0].name, "rewards/margins");
  EXPECT_EQ(read.norm, 3.0);
  outcome.error = Error(ErrorCode::kNumerics, "no number");
  const RankOutcome failed = RankOutcome::from_bytes(outcome.to_bytes());
  EXPECT_EQ(failed.error->code(), ErrorCode::kNumerics);
  EXPECT_STREQ(failed.error->what(), "no number");
}

TEST(LearnerOptionsJson, CarriesWhatRanksShare) {
  LearnerOptions options;
  options.objective = Objective::kCost;
  options.model.path = "/models/base";
  options.model.dtype = DType::kFloat32;
  options.lora = LoraOptions{7, 3.5, {"q_proj", "o_proj"}};
  options.pair_loss = PairLossKind::kIpo;
  options.adam_beta2 = 0.1 + 0.2;
  options.seed = std::uint64_t{1} << 60U;
  const std::string text = learner_options_to_json(options);
  const LearnerOptions read = learner_options_from_json(text);
  EXPECT_EQ(learner_options_to_json(read), text);
  EXPECT_EQ(read.lora->target_modules.size(), 2U);
  EXPECT_EQ(read.adam_beta2, options.adam_beta2);
  EXPECT_THROW(learner_options_from_json("{}"), Error);
}

TEST(DataParallelLearner, TrainsAsOneRankDoesToRounding) {
  const std::vector<double> alone = train(*stub(nullptr));
  for (const int size : {1, 2, 3, 13}) {
    with_ranks(size, [&](Learner& learner) {
      const std::vector<double> together = train(learner);
      ASSERT_EQ(together.size(), alone.size());
      for (std::size_t i = 0; i < alone.size(); ++i) {
        EXPECT_NEAR(together[i], alone[i], 1e-5 * (1.0 + std::abs(alone[i]))) << i;
      }
    });
  }
}

TEST(DataParallelLearner, TrainsToTheSameBitsEveryTime) {
  std::vector<std::vector<double>> runs;
  for (int run = 0; run < 2; ++run) {
    with_ranks(3, [&](Learner& learner) { runs.push_back(train(learner)); });
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST(DataParallelLearner, ContinuesFromAStateToTheSameBits) {
  const TemporaryFolder folder;
  std::vector<double> unbroken, resumed;
  with_ranks(2, [&](Learner& learner) {
    train(learner);
    learner.save_state(folder.file("state"));
    unbroken = train(learner);
  });
  with_ranks(2, [&](Learner& learner) {
    learner.load_state(folder.file("state"));
    resumed = train(learner);
  });
  EXPECT_EQ(resumed, unbroken);
}

/// Fails on the rows it is told to.
class FailingLearner : public Learner {
 public:
  FailingLearner(std::shared_ptr<Learner> inner, std::uint64_t row)
      : inner_(std::move(inner)), row_(row) {}
  const ModelInfo& info() const override { return inner_->info(); }
  std::int64_t num_trained_parameters() const override { return 1; }
  BatchCount count(const TrainingRow& row) const override { return inner_->count(row); }
  LossReport accumulate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    for (const TrainingRow& row : rows) {
      require(row.row != row_, ErrorCode::kNumerics, "row " + std::to_string(row.row) + " is odd");
    }
    return inner_->accumulate(rows, batch);
  }
  LossReport evaluate(std::span<const TrainingRow> rows, const BatchCount& batch) override {
    return inner_->evaluate(rows, batch);
  }
  double apply(double rate) override { return inner_->apply(rate); }
  void save_state(const std::string& path) const override { inner_->save_state(path); }
  void load_state(const std::string& path) override { inner_->load_state(path); }
  void export_weights(const std::string&) const override {}
  double least_flops(std::span<const TrainingRow>) const override { return 0.0; }

 private:
  std::shared_ptr<Learner> inner_;
  std::uint64_t row_;
};

TEST(DataParallelLearner, ThrowsTheErrorOfAnyRankAndCanStillSave) {
  const TemporaryFolder folder;
  const std::vector<TrainingRow> rows = make_rows(6);
  for (const std::uint64_t odd : {0U, 1U, 5U}) {
    run_thread_ranks(2, [&](const std::shared_ptr<Collective>& collective) {
      const auto own = std::make_shared<FailingLearner>(stub(collective), odd);
      if (collective->rank() > 0) return serve_learner_rank(*own, *collective);
      DataParallelLearner learner(own, collective);
      try {
        learner.accumulate(rows, count_all(learner, rows));
        ADD_FAILURE() << "row " << odd << " was taken";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kNumerics);
        EXPECT_THAT(error.what(), HasSubstr("row " + std::to_string(odd) + " is odd"));
        EXPECT_THAT(error.what(), HasSubstr("rank "));
      }
      learner.save_state(folder.file("state"));
    });
  }
}

/// A rank whose numbers drift, as a faulty device's would.
class DriftingLearner : public FailingLearner {
 public:
  explicit DriftingLearner(std::shared_ptr<Learner> inner)
      : FailingLearner(std::move(inner), UINT64_MAX) {}
  double apply(double rate) override { return FailingLearner::apply(rate) + 1e-9; }
};

TEST(DataParallelLearner, FindsARankThatComputesOtherBits) {
  const std::vector<TrainingRow> rows = make_rows(6);
  run_thread_ranks(2, [&](const std::shared_ptr<Collective>& collective) {
    if (collective->rank() > 0) {
      DriftingLearner own(stub(collective));
      return serve_learner_rank(own, *collective);
    }
    DataParallelLearner learner(stub(collective), collective);
    learner.accumulate(rows, count_all(learner, rows));
    try {
      learner.apply(0.1);
      ADD_FAILURE() << "nobody noticed";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("rank 1 found the gradient norm"));
    }
  });
}

TEST(RankProcesses, TellHowAProcessEnded) {
  RankProcesses processes;
  EXPECT_THAT(processes.problem(), IsEmpty());
  processes.start(3, {"--gtest_list_tests", "--gtest_filter=None"});
  processes.expect_end();
  EXPECT_THAT(processes.problem(), HasSubstr("rank 3 (process "));
  EXPECT_THAT(processes.problem(), HasSubstr("ended with exit status 0"));
}

}  // namespace
}  // namespace midpo
