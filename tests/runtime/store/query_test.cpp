// SPDX-License-Identifier: Apache-2.0
// What other programs see of a run store while it is open.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "runtime/core/error.h"
#include "runtime/store/run_store.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;

/// A reader with its own connection, as the sqlite3 tool.
class Reader {
 public:
  explicit Reader(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) throw std::runtime_error(path);
  }
  ~Reader() { sqlite3_close(database_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The rows, fields joined by |.
  std::vector<std::string> query(const char* sql) {
    std::vector<std::string> rows;
    const auto add_row = [](void* list, int num_fields, char** fields, char**) {
      std::string row;
      for (int i = 0; i < num_fields; ++i) {
        row += i > 0 ? "|" : "";
        row += fields[i] != nullptr ? fields[i] : "NULL";
      }
      static_cast<std::vector<std::string>*>(list)->push_back(row);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, sql, add_row, &rows, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database_);
    return rows;
  }

 private:
  sqlite3* database_ = nullptr;
};

ContentHash row_hash(std::uint64_t row) { return content_hash(&row, sizeof row); }

TEST(RunStoreQuery, JoinsVerdictsWithScoresInReadableForm) {
  const TemporaryFolder folder("/dev/shm");
  const auto store = RunStore::open(folder.path());
  const std::uint32_t reward = store->model_id("r", "reward beaver");
  const StoredScore score{row_hash(4), {1.5, -2.0, 0.25}};
  store->put_scores(reward, {&score, 1});
  const std::vector<RunStore::Verdict> verdicts{{4, row_hash(4), "kept", ""},
                                                {5, row_hash(5), "quarantined", "too long"}};
  store->put_verdicts(verdicts);
  store->commit();
  Reader reader(folder.file("run.db"));
  EXPECT_THAT(reader.query("SELECT * FROM row_score ORDER BY \"row\""),
              ElementsAre("4|" + row_hash(4).hex() + "|kept||reward beaver|1.5|-2.0|1",
                          "5|" + row_hash(5).hex() + "|quarantined|too long|NULL|NULL|NULL|NULL"));
}

TEST(RunStoreQuery, SeesOnlyWhatIsCommitted) {
  const TemporaryFolder folder("/dev/shm");
  const auto store = RunStore::open(folder.path());
  const RunStore::Verdict verdict{0, row_hash(0), "kept", ""};
  store->put_verdicts({&verdict, 1});
  Reader reader(folder.file("run.db"));
  EXPECT_THAT(reader.query("SELECT count(*) FROM verdict"), ElementsAre("0"));
  store->commit();
  EXPECT_THAT(reader.query("SELECT count(*) FROM verdict"), ElementsAre("1"));
}

TEST(RunStoreQuery, DoesNotStopTheWriter) {
  const TemporaryFolder folder("/dev/shm");
  const auto store = RunStore::open(folder.path());
  Reader reader(folder.file("run.db"));
  reader.query("BEGIN; SELECT count(*) FROM score");
  store->set_frontier({7, {1}, "{}"});
  EXPECT_NO_THROW(store->commit());
  EXPECT_THAT(reader.query("SELECT count(*) FROM frontier"), ElementsAre("0"));
  reader.query("COMMIT");
  EXPECT_THAT(reader.query("SELECT next_block FROM frontier"), ElementsAre("7"));
}

TEST(RunStoreLog, StaysBounded) {
  const TemporaryFolder folder("/dev/shm");
  const auto store = RunStore::open(folder.path());
  const std::uint32_t model = store->model_id("r", "reward");
  std::uintmax_t largest = 0;
  for (std::uint64_t row = 0; row < 30'000; ++row) {
    const StoredScore score{row_hash(row), std::vector<double>(256, 0.5)};
    store->put_scores(model, {&score, 1});
    if (row % 100 == 99) {
      store->commit();
      largest = std::max(largest, std::filesystem::file_size(folder.file("run.db-wal")));
    }
  }
  EXPECT_GT(std::filesystem::file_size(folder.file("run.db")), 40u << 20);
  EXPECT_LT(largest, 20u << 20);
}

}  // namespace
}  // namespace midpo
