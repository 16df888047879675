// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace midpo {
namespace {

TEST(Crc32c, KnowsTheUsualCheckValue) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
}

TEST(Crc32c, GoesOverPieces) {
  const std::string text = "a text that is cut where no word of eight bytes ends";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = crc32c(text.data(), cut);
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, first), crc32c(text));
  }
}

}  // namespace
}  // namespace midpo
