// SPDX-License-Identifier: Apache-2.0
// Whole training jobs with stub models: real actors, store, checkpoints and files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "actors/learning/learner_watch.h"
#include "actors/learning/learning_run.h"
#include "runtime/core/error.h"
#include "tests/support/stub_engines.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kRows = 60;

/// Row i begins with token 1000 + i; every third row is all safe, the others have one unsafe.
std::string make_rows(int count) {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < count; ++i) {
    const auto list = [&] {
      std::string ids = std::to_string(random() % 500);
      for (unsigned n = random() % 30; n > 0; --n) ids += "," + std::to_string(random() % 500);
      return ids;
    };
    const int safer = static_cast<int>(random() % 2);
    json row =
        json::parse("{\"prompt_ids\":[" + std::to_string(1000 + i) + "],\"response_0_ids\":[1," +
                    list() + "],\"response_1_ids\":[2," + list() + "]}");
    row["better_response_id"] = random() % 2;
    row["safer_response_id"] = safer;
    row["is_response_0_safe"] = i % 3 == 0 || safer == 0;
    row["is_response_1_safe"] = i % 3 == 0 || safer == 1;
    text += row.dump() + "\n";
  }
  return text;
}

void fail_row_23(std::span<const RowTokens> rows) {
  for (const RowTokens& row : rows) {
    require(row.sequences.front().front() != 1023, ErrorCode::kNumerics, "the score is NaN");
  }
}

class LearningJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::internal::CaptureStdout();
    data_ = folder_.write("rows.jsonl", make_rows(kRows));
    for (const char* name : {"base", "reward", "cost"}) {
      std::filesystem::create_directories(folder_.file(name));
    }
  }
  void TearDown() override { testing::internal::GetCapturedStdout(); }

  TrainingConfig config(const std::string& name) const {
    TrainingConfig config;
    config.data = {data_};
    config.model = folder_.file("base");
    config.reward_model = folder_.file("reward");
    config.cost_model = folder_.file("cost");
    config.output = folder_.file(name);
    config.lora = true;
    config.learning_rate = 0.1;
    config.epochs = 2;
    config.save_steps = 3;
    config.resume = true;
    config.scorers = 1;
    return config;
  }

  LearnerRequest expert(const TrainingConfig& config, const std::string& name) const {
    LearnerRequest learner;
    learner.name = name;
    learner.folder = name;
    learner.options = learner_options(config);
    learner.needs_reference = true;
    const bool is_safety = name == "safety";
    learner.wish.rule = is_safety ? PairRule::kExactlyOneSafe : PairRule::kBetter;
    learner.score_role = is_safety ? Role::kCost : Role::kReward;
    learner.offset = is_safety ? PairOffset::kSafety : PairOffset::kHelpfulness;
    return learner;
  }

  void run_both(const TrainingConfig& config, const StubEngines& engines = {}) {
    run_learning(
        {"expert", "{}\n", config, {expert(config, "safety"), expert(config, "helpfulness")}},
        engines);
  }

  void run_one(const TrainingConfig& config, LearnerRequest learner,
               const StubEngines& engines = {}) {
    learner.folder.clear();
    run_learning({"dpo", "{}\n", config, {std::move(learner)}}, engines);
  }

  LearnerRequest plain_dpo(const TrainingConfig& config) const {
    LearnerRequest learner;
    learner.name = "dpo";
    learner.options = learner_options(config);
    learner.needs_reference = true;
    return learner;
  }

  json manifest(const std::string& run) {
    return json::parse(folder_.read(run + "/manifest.json"));
  }

  /// The lines of metrics.jsonl without their times.
  std::vector<json> metrics(const std::string& run) {
    std::vector<json> lines;
    std::istringstream text(folder_.read(run + "/metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(json::parse(line));
      lines.back().erase("time");
    }
    return lines;
  }

  void expect_same(const std::string& name, const std::string& expected) {
    for (const std::string kind : {"/safety", "/helpfulness"}) {
      EXPECT_EQ(folder_.read(name + kind + "/stub.bin"),
                folder_.read(expected + kind + "/stub.bin"));
      EXPECT_EQ(metrics(name + ".run" + kind), metrics(expected + ".run" + kind));
    }
  }

  TemporaryFolder folder_;
  std::string data_;
};

TEST_F(LearningJobTest, AccountsForEveryRowOfEachExpert) {
  run_both(config("a"));
  const json safety = manifest("a.run/safety")["rows"];
  EXPECT_EQ(safety["in"], kRows);
  EXPECT_EQ(safety["out"], 40);
  EXPECT_EQ(safety["filtered"]["both_safe"], 20);
  EXPECT_EQ(manifest("a.run/helpfulness")["rows"]["out"], kRows);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("a/safety/stub.bin")));
  EXPECT_EQ(metrics("a.run/safety").size(), 20U);
  EXPECT_EQ(metrics("a.run/helpfulness").size(), 30U);
}

TEST_F(LearningJobTest, TrainsToTheSameBitsWithAnyNumberOfScorersAndOverlapped) {
  run_both(config("one"));
  for (const std::int64_t scorers : {2, 5}) {
    for (const std::string overlap : {"yes", "no"}) {
      TrainingConfig many = config("many" + std::to_string(scorers) + overlap);
      many.scorers = scorers;
      many.overlap = overlap;
      StubEngines slow;
      slow.scorer_hook = [](std::span<const RowTokens>) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      };
      run_both(many, slow);
      expect_same("many" + std::to_string(scorers) + overlap, "one");
    }
  }
}

TEST_F(LearningJobTest, BeginsWhileRowsAreStillScored) {
  std::atomic<int> rows_scored = 0;
  std::atomic<int> scored_at_first_step = -1;
  StubEngines engines;
  engines.scorer_hook = [&](std::span<const RowTokens> rows) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    rows_scored += static_cast<int>(rows.size());
  };
  engines.learner_hooks.before_apply = [&] {
    int none = -1;
    scored_at_first_step.compare_exchange_strong(none, rows_scored);
  };
  data_ = folder_.write("many.jsonl", make_rows(1000));
  TrainingConfig overlapped = config("overlapped");
  overlapped.overlap = "yes";
  overlapped.epochs = 1;
  run_one(overlapped, plain_dpo(overlapped), engines);
  EXPECT_GE(scored_at_first_step, 4);
  EXPECT_LT(scored_at_first_step, 1000);
}

TEST_F(LearningJobTest, ContinuesAfterAnyFailureToTheSameBits) {
  run_both(config("whole"));
  std::mt19937 random(7);
  int failures = 0;
  bool is_done = false;
  while (!is_done) {
    auto steps_left = std::make_shared<std::atomic<int>>(static_cast<int>(random() % 14) + 1);
    StubEngines failing;
    failing.learner_hooks.before_apply = [steps_left] {
      if (steps_left->fetch_sub(1) == 1) throw std::logic_error("lost its way");
    };
    try {
      run_both(config("parts"), failing);
      is_done = true;
    } catch (const Error&) {
      ASSERT_LT(++failures, 200) << "no progress";
    }
  }
  EXPECT_GE(failures, 3);
  expect_same("parts", "whole");
}

TEST_F(LearningJobTest, ScoresEachRowOnceForBothExpertsAndAllRuns) {
  std::mutex mutex;
  std::multiset<std::int32_t> scored;
  StubEngines engines;
  engines.scorer_hook = [&](std::span<const RowTokens> rows) {
    const std::lock_guard lock(mutex);
    for (const RowTokens& row : rows) scored.insert(row.sequences.front().front());
  };
  TrainingConfig first = config("first");
  first.scores_dir = folder_.file("scores");
  run_both(first, engines);
  EXPECT_EQ(scored.count(1000), 2U) << "reference and reward; all safe, so no cost";
  EXPECT_EQ(scored.count(1001), 3U) << "reference, reward and cost";
  const std::size_t once = scored.size();
  TrainingConfig second = config("second");
  second.scores_dir = first.scores_dir;
  run_both(second, engines);
  EXPECT_GT(scored.size(), once) << "nothing was checked against the store";
  EXPECT_LT(scored.size(), 2 * once - 20) << "known rows were scored again";
}

TEST_F(LearningJobTest, FindsACachedScoreThatIsNoLongerTrue) {
  TrainingConfig first = config("first");
  first.scores_dir = folder_.file("scores");
  run_one(first, plain_dpo(first));
  struct WrongEngines : StubEngines {
    std::shared_ptr<const Scorer> load_reference_model(const ModelOptions&) const override {
      struct Wrong : HookedScorer {
        Wrong(std::shared_ptr<const Scorer> claimed, std::shared_ptr<const Scorer> real)
            : HookedScorer(std::move(real), {}), claimed_(std::move(claimed)) {}
        const ModelInfo& info() const override { return claimed_->info(); }
        std::shared_ptr<const Scorer> claimed_;
      };
      return std::make_shared<Wrong>(StubEngines::load_reference_model(path_),
                                     make_stub_scorer(99, 64));
    }
    ModelOptions path_;
  };
  WrongEngines engines;
  TrainingConfig second = config("second");
  second.scores_dir = first.scores_dir;
  engines.path_.path = second.model;
  try {
    run_one(second, plain_dpo(second), engines);
    FAIL() << "the scores differ";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumerics);
    EXPECT_THAT(error.what(), HasSubstr("equal inputs must give equal bits"));
  }
}

TEST_F(LearningJobTest, TrainsInFileOrderWithoutShuffling) {
  std::vector<std::uint64_t> seen;
  StubEngines engines;
  engines.learner_hooks.before_accumulate = [&](std::span<const TrainingRow> rows) {
    for (const TrainingRow& row : rows) seen.push_back(row.row);
  };
  TrainingConfig ordered = config("ordered");
  ordered.shuffle = false;
  ordered.epochs = 1;
  run_one(ordered, plain_dpo(ordered), engines);
  ASSERT_EQ(seen.size(), static_cast<std::size_t>(kRows));
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_F(LearningJobTest, PutsTheWinnerFirstAndItsReferenceWithIt) {
  std::vector<TrainingRow> rows;
  StubEngines engines;
  engines.learner_hooks.before_accumulate = [&](std::span<const TrainingRow> batch) {
    rows.insert(rows.end(), batch.begin(), batch.end());
  };
  TrainingConfig ordered = config("winners");
  ordered.shuffle = false;
  ordered.epochs = 1;
  run_one(ordered, expert(ordered, "safety"), engines);
  const auto reference = make_stub_scorer(content_hash(ordered.model).low, 64);
  const auto cost = make_stub_scorer(content_hash(ordered.cost_model).low, 64);
  ASSERT_EQ(rows.size(), 40U);
  for (const TrainingRow& row : rows) {
    const auto log_probs = reference->score({&row.tokens, 1}).front();
    EXPECT_EQ(row.reference_chosen, log_probs[0]);
    EXPECT_EQ(row.reference_rejected, log_probs[1]);
    const auto costs = cost->score({&row.tokens, 1}).front();
    EXPECT_EQ(row.offset, -std::max(costs[1] - costs[0], 0.0));
    EXPECT_FALSE(row.is_first_unsafe);
    EXPECT_TRUE(row.is_second_unsafe);
  }
}

TEST_F(LearningJobTest, LeavesThePublishedReferenceToTheRouterToo) {
  StubEngines engines;
  engines.scorer_hook = [](std::span<const RowTokens>) {
    throw Error(ErrorCode::kInternal, "nothing is to be scored");
  };
  TrainingConfig published = config("published_router");
  published.compat = "published";
  LearnerRequest router = plain_dpo(published);
  router.options.objective = Objective::kRouter;
  router.wish.objective = Objective::kRouter;
  run_one(published, router, engines);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("published_router.run/scores")));
}

TEST_F(LearningJobTest, LeavesThePublishedReferenceToTheLearner) {
  StubEngines engines;
  engines.scorer_hook = [](std::span<const RowTokens>) {
    throw Error(ErrorCode::kInternal, "nothing is to be scored");
  };
  TrainingConfig published = config("published");
  published.compat = "published";
  run_one(published, plain_dpo(published), engines);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("published.run/scores")));
  EXPECT_NEAR(metrics("published.run").front()["loss"], std::log(2.0), 1e-12);
}

TEST_F(LearningJobTest, PutsTheCostlierFirstForTheCostModel) {
  std::vector<TrainingRow> rows;
  StubEngines engines;
  engines.learner_hooks.before_accumulate = [&](std::span<const TrainingRow> batch) {
    rows.insert(rows.end(), batch.begin(), batch.end());
  };
  TrainingConfig cost = config("cost_model");
  cost.epochs = 1;
  LearnerRequest learner;
  learner.name = "cost model";
  learner.options = learner_options(cost);
  learner.options.objective = Objective::kCost;
  learner.wish = {Objective::kCost, PairRule::kSafer};
  run_one(cost, learner, engines);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kRows));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("cost_model.run/scores")))
      << "nothing to score";
  for (const TrainingRow& row : rows) {
    EXPECT_EQ(row.is_first_unsafe, row.row % 3 != 0);
    EXPECT_FALSE(row.is_second_unsafe);
  }
}

TEST_F(LearningJobTest, StopsAtALossThatIsNotFiniteAndKeepsTheState) {
  int steps = 0;
  StubEngines engines;
  engines.learner_hooks.after_accumulate = [&](LossReport& report) {
    if (++steps == 8) report.loss = std::numeric_limits<double>::quiet_NaN();
  };
  TrainingConfig nan = config("nan");
  try {
    run_one(nan, plain_dpo(nan), engines);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNumerics);
    EXPECT_THAT(error.what(), HasSubstr("dpo, step 8, rows "));
    EXPECT_THAT(error.what(), HasSubstr("the loss is nan"));
  }
  EXPECT_TRUE(
      std::filesystem::exists(folder_.file("nan.run/checkpoints/step-7/state.safetensors")));
  EXPECT_EQ(metrics("nan.run").size(), 7U);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("nan")));
}

TEST_F(LearningJobTest, NamesTheStepThatTakesTooLong) {
  int steps = 0;
  StubEngines engines;
  engines.learner_hooks.before_apply = [&] {
    if (++steps == 8) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  };
  TrainingConfig slow = config("slow");
  slow.step_deadline_seconds = 1.0;
  try {
    run_one(slow, plain_dpo(slow), engines);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("dpo, step 8: not done after 1"));
    EXPECT_THAT(error.what(), HasSubstr("step_deadline_seconds allows 1;"));
  }
  run_one(config("slow"), plain_dpo(config("slow")));
  run_one(config("quick"), plain_dpo(config("quick")));
  EXPECT_EQ(folder_.read("slow/stub.bin"), folder_.read("quick/stub.bin"));
}

TEST_F(LearningJobTest, GivesAnEvaluationTheDeadlineOfEachBatch) {
  LearningJob job;
  job.learners.emplace_back().name = "router";
  job.step_deadline_seconds = 2.0;
  LearnerWatch watch;
  const LearnerWatch::Clock::time_point start;
  watch.begin({0, "evaluation after step 5", 3}, start);
  EXPECT_EQ(watch.overdue(job, start + std::chrono::milliseconds(5900)), std::nullopt);
  const auto error = watch.overdue(job, start + std::chrono::milliseconds(6500));
  ASSERT_NE(error, std::nullopt);
  EXPECT_THAT(error->what(), HasSubstr("router, evaluation after step 5: not done after 6.5 s"));
  watch.end(0);
  EXPECT_EQ(watch.overdue(job, start + std::chrono::hours(1)), std::nullopt);
}

/// Knows whether the models it loaded are still there.
struct WatchedEngines : StubEngines {
  std::shared_ptr<const Scorer> load_reference_model(const ModelOptions& options) const override {
    auto scorer = StubEngines::load_reference_model(options);
    loaded.push_back(scorer);
    return scorer;
  }
  bool has_models() const {
    return std::ranges::any_of(loaded, [](const auto& scorer) { return !scorer.expired(); });
  }
  mutable std::vector<std::weak_ptr<const Scorer>> loaded;
};

TEST_F(LearningJobTest, GivesScoreModelsBackWhenAllRowsAreScored) {
  WatchedEngines engines;
  int steps = 0;
  bool had_models = true;
  engines.learner_hooks.before_apply = [&] {
    if (++steps != 5) return;
    for (int i = 0; i < 500 && engines.has_models(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    had_models = engines.has_models();
  };
  run_one(config("freed"), plain_dpo(config("freed")), engines);
  EXPECT_FALSE(engines.loaded.empty());
  EXPECT_FALSE(had_models);
}

TEST_F(LearningJobTest, BeginsEachEpochAnew) {
  std::vector<int> begun;
  int steps = 0;
  StubEngines engines;
  engines.learner_hooks.begin_epoch = [&] { begun.push_back(steps); };
  engines.learner_hooks.before_apply = [&] { ++steps; };
  run_one(config("epochs"), plain_dpo(config("epochs")), engines);
  EXPECT_EQ(begun, (std::vector<int>{0, 15}));
}

TEST_F(LearningJobTest, NoticesAFirstStepThatIsNotAtTheReference) {
  StubEngines engines;
  engines.learner_hooks.after_accumulate = [](LossReport& report) { report.loss += 0.1; };
  TrainingConfig off = config("off");
  try {
    run_one(off, plain_dpo(off), engines);
    FAIL() << "the first loss is not ln 2";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_THAT(error.what(), HasSubstr("must be 0.6931471805599453"));
  }
}

TEST_F(LearningJobTest, NamesTheRowThatNoScorerCanHandle) {
  StubEngines engines;
  engines.scorer_hook = fail_row_23;
  TrainingConfig poisoned = config("poisoned");
  try {
    run_one(poisoned, plain_dpo(poisoned), engines);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("rows.jsonl:24"));
    EXPECT_THAT(error.what(), HasSubstr("reference model"));
  }
}

/// Lets its learner go on when asked often enough.
class SlowCompanion : public StepCompanion {
 public:
  explicit SlowCompanion(int num_looks, bool comes_nearer)
      : num_looks_(num_looks), comes_nearer_(comes_nearer) {}

  void arrive(Learner&, const StepPlace& place) override { places.push_back(place.steps_done); }
  std::optional<StepWait> wait(const StepPlace&) override {
    if (looks_ == num_looks_) return std::nullopt;
    ++looks_;
    return StepWait{"waiting for version 5",
                    comes_nearer_ ? static_cast<std::uint64_t>(looks_) : 0};
  }
  std::vector<NamedNumber> depart(Learner&, const StepPlace& place) override {
    return {{"departures", static_cast<double>(place.steps_done)}};
  }

  std::vector<std::uint64_t> places;

 private:
  int num_looks_;
  bool comes_nearer_;
  int looks_ = 0;
};

TEST_F(LearningJobTest, PassesItsCompanionBetweenAnyTwoSteps) {
  run_one(config("alone"), plain_dpo(config("alone")));
  const auto companion = std::make_shared<SlowCompanion>(3, true);
  LearnerRequest accompanied = plain_dpo(config("both"));
  accompanied.companion = companion;
  run_one(config("both"), accompanied);
  ASSERT_EQ(companion->places.size(), 31U);
  EXPECT_TRUE(std::ranges::is_sorted(companion->places));
  EXPECT_EQ(metrics("both.run")[4]["departures"], 4);
  EXPECT_EQ(folder_.read("both/stub.bin"), folder_.read("alone/stub.bin"));
}

TEST_F(LearningJobTest, WaitsAsLongAsWhatItWaitsForComesNearer) {
  TrainingConfig patient = config("patient");
  patient.step_deadline_seconds = 0.3;
  LearnerRequest learner = plain_dpo(patient);
  learner.companion = std::make_shared<SlowCompanion>(500, true);  // a second
  run_one(patient, learner);
  EXPECT_EQ(metrics("patient.run").size(), 30U);
}

TEST_F(LearningJobTest, NamesWhatItWaitsForInVain) {
  TrainingConfig held = config("held");
  held.step_deadline_seconds = 0.3;
  LearnerRequest learner = plain_dpo(held);
  learner.companion = std::make_shared<SlowCompanion>(1 << 30, false);
  try {
    run_one(held, learner);
    FAIL() << "nothing came";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("dpo, waiting for version 5: not done after"));
  }
}

TEST_F(LearningJobTest, TrainsWithoutARowThatNoScorerCanHandle) {
  StubEngines engines;
  engines.scorer_hook = fail_row_23;
  for (const int scorers : {1, 3}) {
    const std::string name = "without" + std::to_string(scorers);
    TrainingConfig poisoned = config(name);
    poisoned.on_bad_row = "quarantine";
    poisoned.scorers = scorers;
    run_one(poisoned, plain_dpo(poisoned), engines);
    const json rows = manifest(name + ".run")["rows"];
    EXPECT_EQ(rows["in"], kRows);
    EXPECT_EQ(rows["quarantined"], 1);
    EXPECT_EQ(rows["out"], kRows - 1);
    const json line = json::parse(folder_.read(name + ".run/quarantine.jsonl"));
    EXPECT_EQ(line["line"], 24);
    EXPECT_EQ(line["row"], 23);
    EXPECT_EQ(line["reason"], "the score is NaN");
  }
  EXPECT_EQ(metrics("without1.run"), metrics("without3.run"));
}

TEST_F(LearningJobTest, SaysWhereAWholeStepIsQuarantined) {
  StubEngines engines;
  engines.scorer_hook = [](std::span<const RowTokens>) {
    throw Error(ErrorCode::kNumerics, "the score is NaN");
  };
  TrainingConfig poisoned = config("nothing");
  poisoned.on_bad_row = "quarantine";
  try {
    run_one(poisoned, plain_dpo(poisoned), engines);
    FAIL() << "the run must stop";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("every row of step 1 is quarantined"));
  }
}

TEST_F(LearningJobTest, EvaluatesAtItsStepsAndAtTheEnd) {
  TrainingConfig evaluated = config("evaluated");
  evaluated.eval_data = {folder_.write("eval.jsonl", make_rows(10))};
  evaluated.eval_steps = 7;
  run_one(evaluated, plain_dpo(evaluated));
  std::vector<int> steps;
  for (const json& line : metrics("evaluated.run")) {
    if (line.contains("eval_loss")) steps.push_back(line["step"]);
  }
  EXPECT_EQ(steps, (std::vector<int>{7, 14, 21, 28, 30}));
  EXPECT_EQ(manifest("evaluated.run")["rows"]["in"], kRows + 10);
}

TEST_F(LearningJobTest, WritesTheNamesOfTrl) {
  TrainingConfig named = config("named");
  run_one(named, plain_dpo(named));
  const json first = metrics("named.run").front();
  for (const char* name : {"loss", "learning_rate", "grad_norm", "epoch", "num_tokens",
                           "rewards/margins", "rewards/accuracies"}) {
    EXPECT_TRUE(first.contains(name)) << name;
  }
  EXPECT_NEAR(first["loss"], std::log(2.0), 1e-12);
}

TEST_F(LearningJobTest, QuarantinesRowsThatCannotBeUsed) {
  data_ = folder_.write("bad.jsonl", make_rows(10) + "{\"prompt\": \"no ids\"}\nno json\n");
  TrainingConfig bad = config("bad");
  bad.on_bad_row = "quarantine";
  run_one(bad, plain_dpo(bad));
  EXPECT_EQ(manifest("bad.run")["rows"]["quarantined"], 2);
  EXPECT_THAT(folder_.read("bad.run/quarantine.jsonl"), HasSubstr("\"row\":11"));
}

TEST_F(LearningJobTest, FailsOnABadRowByName) {
  data_ = folder_.write("bad.jsonl", make_rows(3) + "no json\n");
  TrainingConfig bad = config("bad");
  try {
    run_one(bad, plain_dpo(bad));
    FAIL() << "the row is no row";
  } catch (const Error& error) {
    EXPECT_EQ(exit_status(error.code()), 2);
    EXPECT_THAT(error.what(), HasSubstr("bad.jsonl:4"));
  }
}

TEST_F(LearningJobTest, RefusesToTrainOnNoRow) {
  data_ = folder_.write("safe.jsonl", make_rows(1));
  TrainingConfig none = config("none");
  try {
    run_one(none, expert(none, "safety"));
    FAIL() << "there is nothing to train on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), HasSubstr("1 rows in, 1 filtered: both_safe"));
  }
}

TEST_F(LearningJobTest, RefusesToResumeUnderAnotherPlan) {
  StubEngines engines;
  engines.learner_hooks.before_apply = [] { throw std::logic_error("lost its way"); };
  TrainingConfig first = config("plan");
  EXPECT_THROW(run_one(first, plain_dpo(first), engines), Error);
  TrainingConfig other = config("plan");
  other.learning_rate = 0.2;
  try {
    run_one(other, plain_dpo(other));
    FAIL() << "the plan differs";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig);
    EXPECT_THAT(error.what(), HasSubstr("optimizer.learning_rate was 0.1, is 0.2"));
  }
}

TEST_F(LearningJobTest, AsksWhatToDoWithAnEarlierRun) {
  TrainingConfig first = config("again");
  run_one(first, plain_dpo(first));
  TrainingConfig again = first;
  again.resume = false;
  EXPECT_THROW(run_one(again, plain_dpo(again)), Error);
  run_one(first, plain_dpo(first));  // --resume: nothing to do
  again.overwrite = true;
  again.learning_rate = 0.2;
  run_one(again, plain_dpo(again));
  EXPECT_EQ(metrics("again.run").size(), 30U);
}

TEST_F(LearningJobTest, TakesTheRejectedResponseOfRowsWithMoreThanTwo) {
  data_ = folder_.write("k4.jsonl",
                        "{\"prompt_ids\":[9],\"responses_ids\":[[1],[2],[3],[4]],"
                        "\"better_response_id\":2,\"safer_response_id\":2,"
                        "\"rejected_response_id\":1}\n");
  std::vector<TrainingRow> rows;
  StubEngines engines;
  engines.learner_hooks.before_accumulate = [&](std::span<const TrainingRow> batch) {
    rows.insert(rows.end(), batch.begin(), batch.end());
  };
  TrainingConfig router = config("k4");
  router.epochs = 1;
  LearnerRequest learner = plain_dpo(router);
  learner.wish.rule = PairRule::kAgreed;
  run_one(router, learner, engines);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].tokens.sequences, (std::vector<std::vector<std::int32_t>>{{9, 3}, {9, 2}}));
}

TEST_F(LearningJobTest, SplitsStepsIntoBatches) {
  std::vector<std::size_t> sizes;
  StubEngines engines;
  engines.learner_hooks.before_accumulate = [&](std::span<const TrainingRow> batch) {
    sizes.push_back(batch.size());
  };
  TrainingConfig parts = config("parts");
  parts.batch_size = 7;
  parts.gradient_accumulation = 2;
  parts.epochs = 1;
  run_one(parts, plain_dpo(parts), engines);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{7, 7, 7, 7, 7, 7, 7, 7, 4}));
  EXPECT_EQ(metrics("parts.run").size(), 5U);
}

}  // namespace
}  // namespace midpo
