// SPDX-License-Identifier: Apache-2.0
#include "models/device_memory.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

class ControlGroup : public ::testing::Test {
 protected:
  void write(const std::string& limit, const std::string& used) {
    folder_.write("memory.max", limit);
    folder_.write("memory.current", used);
  }

  TemporaryFolder folder_;
};

TEST_F(ControlGroup, WithoutALimitEverythingIsLeft) {
  EXPECT_EQ(bytes_left_in_group(folder_.file("none")), std::numeric_limits<std::int64_t>::max());
  write("max\n", "5000\n");
  EXPECT_EQ(bytes_left_in_group(folder_.path()), std::numeric_limits<std::int64_t>::max());
}

TEST_F(ControlGroup, FilesThatWereReadAreNotUsedUp) {
  write("10000\n", "9500\n");
  EXPECT_EQ(bytes_left_in_group(folder_.path()), 500);
  folder_.write("memory.stat",
                "anon 500\nfile 9000\nshmem 1000\ninactive_file 6000\nactive_file 2000\n");
  EXPECT_EQ(bytes_left_in_group(folder_.path()), 8500);
}

TEST_F(ControlGroup, BeyondItsLimitNothingIsLeft) {
  write("1000\n", "1200\n");
  EXPECT_EQ(bytes_left_in_group(folder_.path()), 0);
}

}  // namespace
}  // namespace midpo
