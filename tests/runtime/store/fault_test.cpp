// SPDX-License-Identifier: Apache-2.0
// Every system call of a small run that touches the disk, one after the other: the process is
// killed there, the call fails, or the power is cut.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cerrno>
#include <random>
#include <tuple>

#include "runtime/core/error.h"
#include "tests/runtime/store/crash_job.h"
#include "tests/runtime/store/durable_disk.h"
#include "tests/runtime/store/syscall_tracer.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using testing::CrashJob;
using testing::CrashReport;
using testing::DurableDisk;
using testing::find_loss;
using testing::PowerCut;
using testing::run_crash_job;
using testing::run_traced;
using testing::SharedReport;
using testing::StorageCall;
using testing::TraceHooks;

constexpr const char* kNoTracing = "this system does not allow ptrace";
constexpr const char* kFastDisk = "/dev/shm";
constexpr int kStorageError = 7;
constexpr int kOtherError = 8;

/// The job in a child: 0 when it finished, else which kind of error ended it.
int run_to_status(const CrashJob& job, CrashReport& report) {
  try {
    run_crash_job(job, report);
    return 0;
  } catch (const Error& error) {
    const bool names_folder = std::string(error.what()).find(job.folder) != std::string::npos;
    if (error.code() == ErrorCode::kStorage && names_folder) return kStorageError;
    std::fprintf(stderr, "unexpected error: %s\n", error.what());
    return kOtherError;
  }
}

std::string describe(const StorageCall& call) {
  return std::to_string(call.number) + " (" + call.name + " " + call.path + ")";
}

bool is_sync(const StorageCall& call) { return call.name == "fsync" || call.name == "fdatasync"; }

void follow(DurableDisk& disk, const StorageCall& call) {
  if (call.name == "pwrite64") disk.note_write(call.path, call.offset, call.size);
  if (is_sync(call)) disk.note_sync(call.path);
}

void expect_recovery(const CrashJob& job, CrashReport& report, const std::string& where) {
  ASSERT_EQ(find_loss(job, report), "") << where;
  run_crash_job(job, report);
  ASSERT_EQ(read_file(job.folder + "/out.jsonl"), expected_output(job)) << where;
}

/// Where a traced run starts: in an empty folder, or in what a killed run left.
enum class Start { kEmpty, kHalfDone };

/// False where tracing is not possible.
bool prepare(Start start, const CrashJob& job, CrashReport& report) {
  if (start == Start::kEmpty) return true;
  TraceHooks hooks;
  hooks.before = [&](const StorageCall&) {
    return report.acked_blocks == 2 ? TraceHooks::kKill : TraceHooks::kProceed;
  };
  return run_traced(
             job.folder, [&] { return run_to_status(job, report); }, hooks)
      .has_value();
}

class EveryStorageCall : public ::testing::TestWithParam<Start> {};

TEST_P(EveryStorageCall, MayBeTheMomentOfDeath) {
  bool has_fired = true;
  int number = 0;
  while (has_fired) {
    ++number;
    has_fired = false;
    const TemporaryFolder folder(kFastDisk);
    SharedReport report;
    const CrashJob job{folder.path(), 4};
    if (!prepare(GetParam(), job, *report)) GTEST_SKIP() << kNoTracing;
    std::string where;
    TraceHooks hooks;
    hooks.before = [&](const StorageCall& call) {
      if (call.number != number) return TraceHooks::kProceed;
      has_fired = true;
      where = "killed before " + describe(call);
      return TraceHooks::kKill;
    };
    if (!run_traced(
            job.folder, [&] { return run_to_status(job, *report); }, hooks)) {
      GTEST_SKIP() << kNoTracing;
    }
    expect_recovery(job, *report, where);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(number, 40);
}

INSTANTIATE_TEST_SUITE_P(Disk, EveryStorageCall,
                         ::testing::Values(Start::kEmpty, Start::kHalfDone));

struct FailureCase {
  const char* name;
  Start start;
  int error;
  bool is_lasting;  ///< all later calls fail too, as on a disk that stays full
};

class EveryStorageCallFails : public ::testing::TestWithParam<FailureCase> {};

/// Calls whose failure SQLite may pass over without harm to what was promised.
bool is_dispensable(const StorageCall& call) {
  return call.name == "unlink" || call.path.ends_with("-shm");
}

TEST_P(EveryStorageCallFails, WithANamedErrorAndNoLoss) {
  bool has_fired = true;
  int number = 0;
  while (has_fired) {
    ++number;
    has_fired = false;
    const TemporaryFolder folder(kFastDisk);
    SharedReport report;
    const CrashJob job{folder.path(), 4};
    if (!prepare(GetParam().start, job, *report)) GTEST_SKIP() << kNoTracing;
    StorageCall failed;
    TraceHooks hooks;
    hooks.before = [&](const StorageCall& call) {
      const bool is_due = call.number == number || (GetParam().is_lasting && has_fired);
      if (call.number == number) failed = call;
      has_fired = has_fired || is_due;
      return is_due ? GetParam().error : TraceHooks::kProceed;
    };
    const auto status = run_traced(
        job.folder, [&] { return run_to_status(job, *report); }, hooks);
    if (!status) GTEST_SKIP() << kNoTracing;
    ASSERT_TRUE(WIFEXITED(*status)) << describe(failed);
    // Once the outputs are published, closing the store may fail without consequence.
    const bool may_pass = !has_fired || is_dispensable(failed) || report->is_published;
    if (!may_pass || WEXITSTATUS(*status) != 0) {
      ASSERT_EQ(WEXITSTATUS(*status), kStorageError) << describe(failed);
    }
    expect_recovery(job, *report, GetParam().name + (" at " + describe(failed)));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(number, 40);
}

INSTANTIATE_TEST_SUITE_P(
    Disk, EveryStorageCallFails,
    ::testing::Values(FailureCase{"IoErrorOnce", Start::kEmpty, EIO, false},
                      FailureCase{"IoErrorOnceInSecondLife", Start::kHalfDone, EIO, false},
                      FailureCase{"FullForGood", Start::kEmpty, ENOSPC, true},
                      FailureCase{"FullForGoodInSecondLife", Start::kHalfDone, ENOSPC, true},
                      FailureCase{"QuotaForGood", Start::kEmpty, EDQUOT, true},
                      FailureCase{"ReadOnlyForGood", Start::kHalfDone, EROFS, true}),
    [](const auto& failure) { return std::string(failure.param.name); });

class PowerCuts : public ::testing::TestWithParam<std::tuple<Start, PowerCut>> {
 protected:
  /// Recovers from several states the disk may come back in now.
  void cut(const DurableDisk& disk, const CrashJob& job, CrashReport& report,
           const std::string& where) {
    const auto kind = std::get<PowerCut>(GetParam());
    for (int i = 0; i < (kind == PowerCut::kMixture ? 4 : 1); ++i, ++num_states_) {
      const TemporaryFolder after_cut(kFastDisk);
      disk.rebuild(kind, random_, after_cut.path());
      const CrashJob recovered{after_cut.path(), job.num_blocks};
      SharedReport seen;
      seen->acked_blocks = report.acked_blocks.load();
      seen->is_published = report.is_published.load();
      expect_recovery(recovered, *seen, "power cut " + where);
      if (HasFatalFailure()) return;
    }
  }

  std::minstd_rand random_{7};
  int num_states_ = 0;
};

TEST_P(PowerCuts, LeaveEveryAcknowledgedBlock) {
  const TemporaryFolder folder(kFastDisk);
  SharedReport report;
  const CrashJob job{folder.path(), 4};
  if (!prepare(std::get<Start>(GetParam()), job, *report)) GTEST_SKIP() << kNoTracing;
  DurableDisk disk(folder.path());
  TraceHooks hooks;
  hooks.after = [&](const StorageCall& call) { follow(disk, call); };
  hooks.before = [&](const StorageCall& call) {
    cut(disk, job, *report, "before " + describe(call));
    return HasFatalFailure() ? TraceHooks::kKill : TraceHooks::kProceed;
  };
  const auto status = run_traced(
      job.folder, [&] { return run_to_status(job, *report); }, hooks);
  if (!status) GTEST_SKIP() << kNoTracing;
  EXPECT_EQ(*status, 0);
  EXPECT_GT(num_states_, 40);
}

INSTANTIATE_TEST_SUITE_P(Disk, PowerCuts,
                         ::testing::Combine(::testing::Values(Start::kEmpty, Start::kHalfDone),
                                            ::testing::Values(PowerCut::kNothingUnsynced,
                                                              PowerCut::kEverything,
                                                              PowerCut::kMixture)));

/// Life one, ended by the failure of its n-th sync. False where there is no such sync.
bool fail_sync(int n, const CrashJob& job, CrashReport& report, DurableDisk& disk) {
  int num_syncs = 0;
  TraceHooks hooks;
  hooks.after = [&](const StorageCall& call) { follow(disk, call); };
  hooks.before = [&](const StorageCall& call) {
    if (!is_sync(call) || ++num_syncs != n) return TraceHooks::kProceed;
    disk.note_failed_sync(call.path);
    return EIO;
  };
  run_traced(
      job.folder, [&] { return run_to_status(job, report); }, hooks);
  return num_syncs >= n;
}

// A failed fsync leaves pages that look written and are not. The run that comes after must not
// build on them: a power cut during it must find all that it acknowledged.
TEST(FailedSync, IsNotBuiltUponByTheNextRun) {
  std::minstd_rand unused;
  for (int n = 1; !HasFailure(); ++n) {
    const TemporaryFolder folder(kFastDisk);
    SharedReport report;
    const CrashJob job{folder.path(), 4};
    DurableDisk disk(folder.path());
    if (!fail_sync(n, job, *report, disk)) {
      if (n == 1) GTEST_SKIP() << kNoTracing;
      EXPECT_GT(n, 10);
      return;
    }
    TraceHooks hooks;
    hooks.after = [&](const StorageCall& call) { follow(disk, call); };
    hooks.before = [&](const StorageCall& call) {
      const TemporaryFolder after_cut(kFastDisk);
      disk.rebuild(PowerCut::kNothingUnsynced, unused, after_cut.path());
      const std::string loss = find_loss({after_cut.path(), job.num_blocks}, *report);
      EXPECT_EQ(loss, "") << "sync " << n << " failed, later a power cut before " << describe(call);
      return loss.empty() ? TraceHooks::kProceed : TraceHooks::kKill;
    };
    EXPECT_EQ(run_traced(
                  job.folder, [&] { return run_to_status(job, *report); }, hooks),
              0);
  }
}

}  // namespace
}  // namespace midpo
