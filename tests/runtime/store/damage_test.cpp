// SPDX-License-Identifier: Apache-2.0
// Cut, flipped, foreign and future run.db files: refused with a named error, or read as they were.
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "runtime/core/error.h"
#include "runtime/store/run_store.h"
#include "tests/runtime/store/crash_job.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using testing::CrashJob;
using testing::CrashReport;
using testing::find_loss;
using ::testing::HasSubstr;
using testing::run_crash_job;
using testing::SharedReport;

constexpr const char* kFastDisk = "/dev/shm";

void execute_sql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  sqlite3_close(database);
}

std::string refusal(const std::string& folder) {
  return error_text(ErrorCode::kStorage, [&] { RunStore::open(folder); });
}

TEST(ForeignStore, OfAnotherProgramIsRefusedAndLeftAsItWas) {
  const TemporaryFolder folder;
  execute_sql(folder.file("run.db"), "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  const std::string before = read_file(folder.file("run.db"));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("another program"));
  EXPECT_EQ(read_file(folder.file("run.db")), before);
}

TEST(ForeignStore, OfAnotherVersionIsRefusedByName) {
  const TemporaryFolder folder;
  RunStore::open(folder.path()).reset();
  execute_sql(folder.file("run.db"), "PRAGMA user_version = 2");
  const std::string text = refusal(folder.path());
  EXPECT_THAT(text, HasSubstr("version 2"));
  EXPECT_THAT(text, HasSubstr("reads version 1"));
}

TEST(ForeignStore, ThatIsNoDatabaseIsRefused) {
  const TemporaryFolder folder;
  write_file(folder.file("run.db"), std::string(5'000, 'x'));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("not a database"));
}

TEST(ForeignStore, ThatIsAFolderIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("run.db"));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("run.db"));
}

TEST(DamagedStore, NamesTheTableOfAChangedValue) {
  const TemporaryFolder folder;
  CrashReport report;
  run_crash_job({folder.path()}, report);
  execute_sql(folder.file("run.db"), "UPDATE score SET value_0 = value_0 + 1 WHERE id = 5");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("table score, row 5"));
}

TEST(DamagedStore, MissesADeletedScore) {
  const TemporaryFolder folder;
  CrashReport report;
  run_crash_job({folder.path()}, report);
  execute_sql(folder.file("run.db"), "DELETE FROM score WHERE id = 5");
  EXPECT_THAT(refusal(folder.path()), HasSubstr("row 6 after 4"));
}

class DamagedTable : public ::testing::TestWithParam<const char*> {};

TEST_P(DamagedTable, IsRefused) {
  const TemporaryFolder folder;
  CrashReport report;
  run_crash_job({folder.path()}, report);
  execute_sql(folder.file("run.db"), GetParam());
  EXPECT_THAT(refusal(folder.path()), HasSubstr("is damaged"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, DamagedTable,
    ::testing::Values("UPDATE plan SET json = 'x'", "UPDATE model SET identity = 'x' WHERE id = 1",
                      "UPDATE model SET description = 'x' WHERE id = 2",
                      "UPDATE verdict SET state = 'filtered' WHERE \"row\" = 3",
                      "UPDATE verdict SET row_content = zeroblob(16) WHERE \"row\" = 0",
                      "UPDATE frontier SET next_block = 1", "UPDATE frontier SET file_sizes = '[]'",
                      "UPDATE score SET model = 2 WHERE id = 1",
                      "UPDATE score SET more = NULL WHERE id = 1"));

/// A finished job's folder, whose files tests damage and put back.
class DamagedFile : public ::testing::Test {
 protected:
  void expect_refused_or_equal(const std::string& damage) {
    try {
      EXPECT_EQ(find_loss(job_, report_), "") << damage;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("run.db")) << damage;
      ++num_refused_;
    }
  }
  void put_back() {
    for (const char* suffix : {"-wal", "-shm", "-journal"}) {
      std::filesystem::remove(path_ + suffix);
    }
    write_file(path_, bytes_);
  }
  void flip(std::size_t bit) {
    std::string damaged = bytes_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_file(path_, damaged);
    expect_refused_or_equal("bit " + std::to_string(bit));
    put_back();
  }
  void SetUp() override {
    run_crash_job(job_, report_);
    bytes_ = read_file(path_);
    ASSERT_GT(bytes_.size(), 20'000u);
  }

  const TemporaryFolder folder_{kFastDisk};
  const std::string path_ = folder_.file("run.db");
  const CrashJob job_{folder_.path(), 6, 20, 3};
  CrashReport report_;
  std::string bytes_;
  int num_refused_ = 0;
};

TEST_F(DamagedFile, CutAnywhereIsRefused) {
  int num_cuts = 0;
  for (std::size_t size = 512; size < bytes_.size(); size += 512, ++num_cuts) {
    write_file(path_, bytes_.substr(0, size));
    expect_refused_or_equal("cut to " + std::to_string(size));
    put_back();
  }
  EXPECT_EQ(num_refused_, num_cuts);
}

TEST_F(DamagedFile, CutToNothingBesideARunsConfigIsRefused) {
  write_file(path_, "");
  write_file(folder_.file("config.yaml"), "policy: dual\n");
  EXPECT_THAT(refusal(folder_.path()),
              HasSubstr("run.db: is empty, but config.yaml beside it is of a run"));
}

TEST(EmptyStore, OfAKilledStartIsANewOne) {
  const TemporaryFolder folder;
  write_file(folder.file("run.db"), "");
  EXPECT_EQ(RunStore::open(folder.path())->plan(), "");
}

TEST_F(DamagedFile, WithAFlippedHeaderBitIsRefusedOrReadAsItWas) {
  for (std::size_t bit = 0; bit < 8 * 108; ++bit) flip(bit);
  EXPECT_GT(num_refused_, 100);
}

TEST_F(DamagedFile, WithAFlippedBitIsRefusedOrReadAsItWas) {
  std::minstd_rand random(11);
  std::uniform_int_distribution<std::size_t> any_bit(0, 8 * bytes_.size() - 1);
  for (int i = 0; i < 1'000; ++i) flip(any_bit(random));
  EXPECT_GT(num_refused_, 250);
}

/// Runs the job in a child until some blocks are acknowledged, and kills it: the log stays.
void run_until_killed(const CrashJob& job, CrashReport& report) {
  const pid_t child = fork();
  if (child == 0) {
    run_crash_job(job, report);
    _exit(0);
  }
  while (report.acked_blocks < 6) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

std::uint64_t stored_blocks(const std::string& folder) {
  return RunStore::open(folder)->frontier().next_block;
}

TEST(DamagedLog, IsReadUpToTheDamage) {
  const TemporaryFolder killed(kFastDisk);
  SharedReport report;
  run_until_killed({killed.path(), 1'000'000, 3, 3}, *report);
  const std::size_t log_bytes = std::filesystem::file_size(killed.file("run.db-wal"));
  std::minstd_rand random(5);
  std::set<std::uint64_t> states;
  for (int i = 0; i < 300; ++i) {
    const TemporaryFolder folder(kFastDisk);
    std::filesystem::copy(killed.path(), folder.path());
    std::string log = read_file(folder.file("run.db-wal"));
    log[std::uniform_int_distribution<std::size_t>(0, log_bytes - 1)(random)] ^= 0x10;
    write_file(folder.file("run.db-wal"), log);
    CrashReport seen;
    seen.acked_blocks = stored_blocks(folder.path());
    states.insert(seen.acked_blocks);
    EXPECT_EQ(find_loss({folder.path(), seen.acked_blocks + 2, 3, 3}, seen), "");
  }
  EXPECT_GT(states.size(), 3u);
}

}  // namespace
}  // namespace midpo
