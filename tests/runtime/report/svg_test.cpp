// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/svg.h"

#include <gmock/gmock.h>

namespace midpo {
namespace {

TEST(HtmlEscape, LeavesNothingThatMarkupCouldMean) {
  EXPECT_EQ(html_escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
}

TEST(HtmlEscape, ReplacesBytesThatAreNotText) {
  EXPECT_EQ(html_escape("a\xff"
                        "b\x01"),
            "a\uFFFDb\uFFFD");
  EXPECT_EQ(html_escape("\u4f60"), "\u4f60");
}

TEST(AxisTicks, AreRoundAndCoverTheRange) {
  EXPECT_THAT(axis_ticks(0.13, 0.87, 5),
              testing::ElementsAre(0.0, 0.2, testing::DoubleEq(0.4),
                                   testing::DoubleNear(0.6, 1e-12), 0.8, 1.0));
  EXPECT_THAT(axis_ticks(0.0, 100.0, 6), testing::ElementsAre(0, 20, 40, 60, 80, 100));
}

TEST(AxisTicks, WidensARangeOfNothing) {
  const auto ticks = axis_ticks(3.0, 3.0, 5);
  EXPECT_LT(ticks.front(), 3.0);
  EXPECT_GT(ticks.back(), 3.0);
  EXPECT_GE(axis_ticks(0.0, 0.0, 5).size(), 2U);
}

TEST(Scale, MapsBothWays) {
  const Scale up(0.0, 10.0, 100.0, 0.0);
  EXPECT_DOUBLE_EQ(up(0.0), 100.0);
  EXPECT_DOUBLE_EQ(up(10.0), 0.0);
}

TEST(ShortNumber, HasNoMinusZero) { EXPECT_EQ(short_number(-0.0), "0"); }

}  // namespace
}  // namespace midpo
