// SPDX-License-Identifier: Apache-2.0
// kill -9, full disks and file size limits: whatever was acknowledged is there afterwards.
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "runtime/core/error.h"
#include "tests/runtime/store/crash_job.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using testing::CrashJob;
using testing::find_loss;
using testing::run_crash_job;
using testing::SharedReport;

/// Runs the body in a child; its return value is the exit status, an exception gives 100.
template <typename Body>
pid_t start_child(Body body) {
  const pid_t child = fork();
  if (child != 0) return child;
  int status = 100;
  try {
    status = body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
  }
  _exit(status);
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

/// Until the job has acknowledged so many blocks, or has ended by itself.
void await_blocks(pid_t child, const testing::CrashReport& report, std::uint64_t blocks) {
  siginfo_t ended{};
  while (report.acked_blocks < blocks && ended.si_pid != child) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT);
  }
}

/// How far a life of the job gets: so many new blocks, and a while longer.
struct Lives {
  int num_kills = 0;
  std::uint64_t max_new_blocks = 0;
  int max_delay_us = 0;
};

/// Kills the job at a random moment, checks what is left, lets it go on; at the end, compares.
void kill_often(CrashJob job, const Lives& lives) {
  SharedReport report;
  std::minstd_rand random(20240607);
  for (int kill_number = 0; kill_number < lives.num_kills; ++kill_number) {
    job.num_blocks = 1'000'000;  // more than it can do before it is killed
    const std::uint64_t target =
        report->acked_blocks +
        std::uniform_int_distribution<std::uint64_t>(0, lives.max_new_blocks)(random);
    const pid_t child = start_child([&] { return run_crash_job(job, *report), 0; });
    await_blocks(child, *report, target);
    const auto delay = std::uniform_int_distribution<int>(0, lives.max_delay_us)(random);
    std::this_thread::sleep_for(std::chrono::microseconds(delay));
    ::kill(child, SIGKILL);
    ASSERT_TRUE(WIFSIGNALED(wait_for(child)));
    job.num_blocks = report->acked_blocks + 2;
    ASSERT_EQ(find_loss(job, *report), "") << "after kill " << kill_number;
  }
  run_crash_job(job, *report);
  EXPECT_EQ(read_file(job.folder + "/out.jsonl"), expected_output(job));
}

TEST(KilledRun, KeepsEveryAcknowledgedBlock) {
  const TemporaryFolder folder;
  kill_often({folder.path(), 0, 3, 2}, {60, 12, 5'000});
}

TEST(KilledRun, KeepsEveryAcknowledgedBlockAcrossCheckpoints) {
  const TemporaryFolder folder;
  kill_often({folder.path(), 0, 1'000, 256}, {10, 4, 20'000});
}

TEST(KilledRun, LeavesALockThatTheNextRunTakesOver) {
  const TemporaryFolder folder;
  SharedReport report;
  const CrashJob job{folder.path()};
  const pid_t child = start_child([&]() -> int {
    run_crash_job(job, *report);
    return raise(SIGKILL);
  });
  wait_for(child);
  EXPECT_EQ(read_file(folder.file("lock")), std::to_string(child) + "\n");
  EXPECT_EQ(find_loss(job, *report), "");
}

TEST(FullDisk, FileSizeLimitGivesAStorageErrorAndLosesNothing) {
  const TemporaryFolder folder;
  SharedReport report;
  CrashJob job{folder.path(), 1'000, 20, 16};
  const pid_t child = start_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{400'000, 400'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run_crash_job(job, *report);
    } catch (const Error& error) {
      const std::string text = error.what();
      const bool is_named = text.find(folder.path()) != std::string::npos &&
                            text.find("File too large") != std::string::npos;
      return error.code() == ErrorCode::kStorage && is_named ? 7 : 8;
    }
    return 9;
  });
  const int status = wait_for(child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_GT(report->acked_blocks, 0u);
  job.num_blocks = report->acked_blocks + 2;
  EXPECT_EQ(find_loss(job, *report), "");
  run_crash_job(job, *report);
  EXPECT_EQ(read_file(folder.file("out.jsonl")), expected_output(job));
}

/// In a mount namespace of its own, so that the small disk goes with the process.
int fill_small_disk(const std::string& mount_point, testing::CrashReport& report) {
  CrashJob job{mount_point, 1'000, 20, 16};
  try {
    run_crash_job(job, report);
    return 9;
  } catch (const Error& error) {
    const std::string text = error.what();
    if (error.code() != ErrorCode::kStorage) return 8;
    if (text.find("No space left") == std::string::npos) return 7;
    if (text.find("0 MiB free") == std::string::npos) return 6;
  }
  if (report.acked_blocks == 0) return 5;
  std::filesystem::remove(mount_point + "/ballast");
  job.num_blocks = report.acked_blocks + 2;
  if (find_loss(job, report) != "") return 4;
  run_crash_job(job, report);
  return read_file(mount_point + "/out.jsonl") == expected_output(job) ? 0 : 3;
}

TEST(FullDisk, EndsWithTheFreeSpaceNamedAndContinuesAfterwards) {
  const TemporaryFolder folder;
  SharedReport report;
  constexpr int kNoMount = 77;
  const pid_t child = start_child([&] {
    const bool is_mounted = unshare(CLONE_NEWNS) == 0 &&
                            mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                            mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=1m") == 0;
    if (!is_mounted) return kNoMount;
    write_file(folder.file("ballast"), std::string(300'000, 'x'));
    return fill_small_disk(folder.path(), *report);
  });
  const int status = wait_for(child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoMount) GTEST_SKIP() << "mounting a tmpfs needs root";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace midpo
