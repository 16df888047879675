// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/control_group.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <limits>
#include <thread>

#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

class ControlGroup : public ::testing::Test {
 protected:
  void write_memory(const std::string& limit, const std::string& used) {
    folder_.write("memory.max", limit);
    folder_.write("memory.current", used);
  }
  std::size_t quota_of(const std::string& text) {
    folder_.write("cpu.max", text);
    return processor_quota(folder_.path());
  }

  TemporaryFolder folder_;
};

TEST_F(ControlGroup, IsFoundWithAllAboveIt) {
  const std::string file = folder_.write("cgroup", "4:memory:/job\n0::/batch/job 7\n");
  EXPECT_EQ(control_groups(file, "/root"),
            (std::vector<std::string>{"/root/batch/job 7", "/root/batch", "/root"}));
}

TEST_F(ControlGroup, OfAContainerIsTheRoot) {
  EXPECT_EQ(control_groups(folder_.write("cgroup", "0::/\n"), "/root"),
            std::vector<std::string>{"/root"});
  EXPECT_TRUE(control_groups(folder_.file("none"), "/root").empty());
}

TEST_F(ControlGroup, WithoutALimitAllMemoryIsLeft) {
  constexpr auto kAll = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(memory_left(folder_.file("none")), kAll);
  write_memory("max\n", "5000\n");
  EXPECT_EQ(memory_left(folder_.path()), kAll);
}

TEST_F(ControlGroup, FilesThatWereReadAreNotUsedUp) {
  write_memory("10000\n", "9500\n");
  EXPECT_EQ(memory_left(folder_.path()), 500);
  folder_.write("memory.stat",
                "anon 500\nfile 9000\nshmem 1000\ninactive_file 6000\nactive_file 2000\n");
  EXPECT_EQ(memory_left(folder_.path()), 8500);
}

TEST_F(ControlGroup, BeyondItsLimitNoMemoryIsLeft) {
  write_memory("1000\n", "1200\n");
  EXPECT_EQ(memory_left(folder_.path()), 0);
}

TEST_F(ControlGroup, PartsOfAProcessorCountAsOne) {
  EXPECT_EQ(quota_of("200000 100000\n"), 2U);
  EXPECT_EQ(quota_of("250000 100000\n"), 3U);
  EXPECT_EQ(quota_of("5000 100000\n"), 1U);
}

TEST_F(ControlGroup, WithoutAQuotaAllProcessorsCount) {
  constexpr auto kAll = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(processor_quota(folder_.file("none")), kAll);
  EXPECT_EQ(quota_of("max 100000\n"), kAll);
  EXPECT_EQ(quota_of("garbage"), kAll);
}

TEST(NumCores, AreThoseOfTheAffinityMask) {
  std::thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(num_cores(), 1U);
  }).join();
}

}  // namespace
}  // namespace midpo
