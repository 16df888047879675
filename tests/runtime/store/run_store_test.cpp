// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/run_store.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <limits>
#include <thread>

#include "runtime/core/error.h"
#include "runtime/store/shared_store.h"
#include "tests/runtime/store/file_size_limit.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

ContentHash row_hash(int row) { return content_hash("row " + std::to_string(row)); }

class RunStoreTest : public ::testing::Test {
 protected:
  void reopen() {
    store_.reset();
    store_ = RunStore::open(folder_.path());
  }
  std::uint32_t model() { return store_->model_id("hash float32 cpu", "reward model"); }
  void put(std::uint32_t model, int row, std::vector<double> values) {
    const StoredScore score{row_hash(row), std::move(values)};
    store_->put_scores(model, {&score, 1});
  }
  std::optional<std::vector<double>> find(std::uint32_t model, int row) {
    const ContentHash hash = row_hash(row);
    return store_->find_scores(model, {&hash, 1})[0];
  }
  void decide(std::uint64_t row, std::string_view state, std::string_view reason) {
    const RunStore::Verdict verdict{row, row_hash(static_cast<int>(row)), state, reason};
    store_->put_verdicts({&verdict, 1});
  }

  TemporaryFolder folder_{"/dev/shm"};
  std::unique_ptr<RunStore> store_ = RunStore::open(folder_.path());
};

TEST_F(RunStoreTest, GivesBackCommittedScoresAfterReopening) {
  put(model(), 1, {1.5, -2.25});
  store_->commit();
  reopen();
  EXPECT_THAT(find(model(), 1), Optional(ElementsAre(1.5, -2.25)));
}

TEST_F(RunStoreTest, CanBeSharedByThreads) {
  const std::uint32_t id = model();
  const std::shared_ptr<RunStore> shared = share_store(std::move(store_));
  const auto put_rows = [&](int first) {
    for (int row = first; row < first + 100; ++row) {
      const StoredScore score{row_hash(row), {1.0 * row, 0.5}};
      shared->put_scores(id, {&score, 1});
      if (row % 10 == 9) shared->commit();
    }
  };
  std::thread other([&] { put_rows(100); });
  put_rows(0);
  other.join();
  for (int row = 0; row < 200; ++row) {
    const ContentHash hash = row_hash(row);
    EXPECT_THAT(shared->find_scores(id, {&hash, 1})[0], Optional(ElementsAre(1.0 * row, 0.5)));
  }
}

TEST_F(RunStoreTest, DropsWhatWasNotCommitted) {
  put(model(), 1, {1.0, 2.0});
  store_->commit();
  put(model(), 2, {3.0, 4.0});
  reopen();
  EXPECT_TRUE(find(model(), 1).has_value());
  EXPECT_FALSE(find(model(), 2).has_value());
}

TEST_F(RunStoreTest, FindsWhatTheOpenTransactionHolds) {
  put(model(), 1, {1.0, 2.0});
  EXPECT_THAT(find(model(), 1), Optional(ElementsAre(1.0, 2.0)));
  EXPECT_FALSE(find(model(), 2).has_value());
}

TEST_F(RunStoreTest, AnswersInTheOrderAsked) {
  put(model(), 1, {1.0});
  put(model(), 3, {3.0});
  const std::vector<ContentHash> rows{row_hash(3), row_hash(2), row_hash(1)};
  EXPECT_THAT(store_->find_scores(model(), rows),
              ElementsAre(Optional(ElementsAre(3.0)), std::nullopt, Optional(ElementsAre(1.0))));
}

TEST_F(RunStoreTest, KeepsTheModelsOfARowApart) {
  const std::uint32_t reward = store_->model_id("a", "reward");
  const std::uint32_t cost = store_->model_id("b", "cost");
  put(reward, 1, {1.0, 2.0});
  EXPECT_FALSE(find(cost, 1).has_value());
  put(cost, 1, {3.0, 4.0});
  EXPECT_THAT(find(reward, 1), Optional(ElementsAre(1.0, 2.0)));
  EXPECT_THAT(find(cost, 1), Optional(ElementsAre(3.0, 4.0)));
}

TEST_F(RunStoreTest, KeepsModelIdsAcrossReopening) {
  const std::uint32_t reward = store_->model_id("a", "reward");
  const std::uint32_t cost = store_->model_id("b", "cost");
  store_->commit();
  reopen();
  EXPECT_EQ(store_->model_id("b", "renamed"), cost);
  EXPECT_EQ(store_->model_id("a", "reward"), reward);
  EXPECT_NE(reward, cost);
}

class RunStoreValues : public RunStoreTest, public ::testing::WithParamInterface<double> {};

TEST_P(RunStoreValues, RoundTripToTheLastBit) {
  put(model(), 1, std::vector<double>(4, GetParam()));
  store_->commit();
  reopen();
  const auto found = find(model(), 1);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->size(), 4u);
  for (const double value : *found) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(Edges, RunStoreValues,
                         ::testing::Values(0.0, -0.0, 1.0, -3.0, 0.1, 4.9406564584124654e-324,
                                           -2.2250738585072009e-308, 1.7976931348623157e308,
                                           9007199254740993.0, -9223372036854775808.0, 1e15));

class RunStoreResponses : public RunStoreTest, public ::testing::WithParamInterface<int> {};

TEST_P(RunStoreResponses, KeepTheirNumberAndOrder) {
  std::vector<double> values;
  for (int k = 0; k < GetParam(); ++k) values.push_back(k + 0.5);
  put(model(), 1, values);
  store_->commit();
  reopen();
  EXPECT_THAT(find(model(), 1), Optional(values));
}

INSTANTIATE_TEST_SUITE_P(K, RunStoreResponses, ::testing::Values(1, 2, 3, 64));

TEST_F(RunStoreTest, RefusesNonFiniteValuesNamingRowAndModel) {
  const std::uint32_t id = model();
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    const std::string text = error_text(ErrorCode::kNumerics, [&] { put(id, 1, {1.0, bad}); });
    EXPECT_THAT(text, HasSubstr(row_hash(1).hex()));
    EXPECT_THAT(text, HasSubstr("reward model"));
  }
}

TEST_F(RunStoreTest, AddsNothingOfABatchWithANonFiniteValue) {
  const std::uint32_t id = model();
  const std::vector<StoredScore> batch{{row_hash(1), {1.0}}, {row_hash(2), {std::nan("")}}};
  EXPECT_THROW(store_->put_scores(id, batch), Error);
  EXPECT_FALSE(find(id, 1).has_value());
}

TEST_F(RunStoreTest, RefusesARowWithoutValues) { EXPECT_THROW(put(model(), 1, {}), Error); }

TEST_F(RunStoreTest, DropsAndCountsAnEqualSecondScore) {
  put(model(), 1, {1.0, 2.0});
  put(model(), 1, {1.0, 2.0});
  store_->commit();
  EXPECT_EQ(store_->num_duplicates(), 1u);
  reopen();
  put(model(), 1, {1.0, 2.0});
  EXPECT_EQ(store_->num_duplicates(), 1u);
}

TEST_F(RunStoreTest, ShowsBothValuesOfADifferentSecondScore) {
  put(model(), 1, {1.0, 2.0});
  const std::string text = error_text(ErrorCode::kNumerics, [&] {
    put(model(), 1, {1.0, 2.0000000000000004});
  });
  EXPECT_THAT(text, HasSubstr(row_hash(1).hex()));
  EXPECT_THAT(text, HasSubstr("reward model"));
  EXPECT_THAT(text, HasSubstr("2.0000000000000004"));
  EXPECT_THAT(text, HasSubstr("2 (0x1p+1)"));
}

TEST_F(RunStoreTest, TellsTheTwoZerosApart) {
  put(model(), 1, {0.0});
  EXPECT_THROW(put(model(), 1, {-0.0}), Error);
}

TEST_F(RunStoreTest, RefusesAnotherNumberOfValuesForTheSameRow) {
  put(model(), 1, {1.0, 2.0});
  EXPECT_THROW(put(model(), 1, {1.0}), Error);
}

TEST_F(RunStoreTest, RefusesAModelItDoesNotKnow) { EXPECT_THROW(put(7, 1, {1.0}), Error); }

TEST_F(RunStoreTest, FindsEveryOfManyScoresAfterReopening) {
  const std::uint32_t id = model();
  for (int row = 0; row < 5000; ++row) put(id, row, {row + 0.25});
  store_->commit();
  reopen();
  for (int row = 0; row < 5000; ++row) {
    EXPECT_THAT(find(model(), row), Optional(ElementsAre(row + 0.25)));
  }
  EXPECT_FALSE(find(model(), 5000).has_value());
}

TEST_F(RunStoreTest, AcceptsTheSameVerdictAgain) {
  decide(3, "filtered", "tie");
  store_->commit();
  reopen();
  EXPECT_NO_THROW(decide(3, "filtered", "tie"));
}

TEST_F(RunStoreTest, ShowsBothOfTwoDifferentVerdicts) {
  decide(3, "filtered", "tie");
  const std::string text = error_text(ErrorCode::kNumerics, [&] { decide(3, "kept", ""); });
  EXPECT_THAT(text, HasSubstr("row 3"));
  EXPECT_THAT(text, HasSubstr("filtered (tie)"));
  EXPECT_THAT(text, HasSubstr("kept"));
}

TEST_F(RunStoreTest, RefusesAVerdictOnOtherContent) {
  decide(3, "kept", "");
  const RunStore::Verdict other{3, row_hash(99), "kept", ""};
  EXPECT_THROW(store_->put_verdicts({&other, 1}), Error);
}

TEST_F(RunStoreTest, StartsWithoutPlanAndFrontier) {
  EXPECT_EQ(store_->plan(), "");
  EXPECT_EQ(store_->frontier().next_block, 0u);
  EXPECT_TRUE(store_->frontier().file_sizes.empty());
}

TEST_F(RunStoreTest, MakesThePlanDurableAtOnce) {
  store_->record_plan(R"({"rows": 3})");
  reopen();
  EXPECT_EQ(store_->plan(), R"({"rows": 3})");
}

TEST_F(RunStoreTest, TakesOnePlanOnly) {
  store_->record_plan("{\"a\":1}");
  EXPECT_NO_THROW(store_->record_plan("{\"a\":1}"));
  error_text(ErrorCode::kConfig, [&] { store_->record_plan("{\"a\":2}"); });
}

TEST_F(RunStoreTest, KeepsTheLastCommittedFrontier) {
  store_->set_frontier({1, {10, 0}, "{\"in\":1}"});
  store_->set_frontier({2, {20, 7}, "{\"in\":2}"});
  store_->commit();
  store_->set_frontier({3, {30, 8}, "{\"in\":3}"});
  reopen();
  EXPECT_EQ(store_->frontier().next_block, 2u);
  EXPECT_THAT(store_->frontier().file_sizes, ElementsAre(20u, 7u));
  EXPECT_EQ(store_->frontier().counters_json, "{\"in\":2}");
}

TEST_F(RunStoreTest, IsSpentAfterAFailureEvenIfTheDiskRecovers) {
  const std::uint32_t id = model();
  put(id, 1, {1.0});
  store_->commit();
  put(id, 2, {2.0});
  {
    const testing::FileSizeLimit limit(4096);
    const std::string text = error_text(ErrorCode::kStorage, [&] { store_->commit(); });
    EXPECT_THAT(text, HasSubstr("File too large"));
    EXPECT_THAT(text, HasSubstr("what was committed before is safe"));
  }
  error_text(ErrorCode::kStorage, [&] { store_->commit(); });
  error_text(ErrorCode::kStorage, [&] { put(id, 3, {3.0}); });
  reopen();
  EXPECT_TRUE(find(model(), 1).has_value());
  EXPECT_FALSE(find(model(), 2).has_value());
}

TEST_F(RunStoreTest, CommitsNothingWithoutComplaint) {
  EXPECT_NO_THROW(store_->commit());
  EXPECT_NO_THROW(store_->commit());
}

TEST_F(RunStoreTest, CreatesTheRunFolderWithParents) {
  const auto nested = RunStore::open(folder_.file("a/b/c"));
  EXPECT_TRUE(std::filesystem::exists(folder_.file("a/b/c/run.db")));
}

TEST_F(RunStoreTest, NamesTheProcessThatHoldsTheLock) {
  const std::string text = error_text(ErrorCode::kConfig, [&] { RunStore::open(folder_.path()); });
  EXPECT_THAT(text, HasSubstr("process " + std::to_string(getpid())));
}

TEST_F(RunStoreTest, TakesOverTheLockOfADeadProcess) {
  store_.reset();
  write_file(folder_.file("lock"), "999999999\n");
  EXPECT_NO_THROW(RunStore::open(folder_.path()));
}

}  // namespace
}  // namespace midpo
