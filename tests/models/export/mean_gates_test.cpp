// SPDX-License-Identifier: Apache-2.0
#include "models/export/mean_gates.h"

#include <gmock/gmock.h>

#include "tests/models/export/small_parts.h"
#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MeanGates, AreThoseThatTrainingRecorded) {
  const test::SmallParts parts;
  RouterToWrite router = parts.router();
  router.mean_alpha = {0.25, 0.5};
  router.mean_beta = {1.0, 0.0};
  write_router(parts.file("router"), router);
  const MeanGates gates = read_mean_gates(parts.file("router"));
  EXPECT_THAT(gates.alpha, ElementsAre(0.25, 0.5));
  EXPECT_THAT(gates.beta, ElementsAre(1.0, 0.0));
}

TEST(MeanGates, AreEmptyWhereNoneWereRecorded) {
  const test::SmallParts parts;
  write_router(parts.file("router"), parts.router());
  EXPECT_THAT(read_mean_gates(parts.file("router")).alpha, IsEmpty());
}

TEST(MeanGates, LieBetweenZeroAndOne) {
  const test::SmallParts parts;
  RouterToWrite router = parts.router();
  router.mean_alpha = {0.25, 1.5};
  write_router(parts.file("router"), router);
  EXPECT_THAT(error_text(ErrorCode::kCheckpoint, [&] { read_mean_gates(parts.file("router")); }),
              HasSubstr("mean_alpha is [0.25,1.5]; wanted a list of numbers from 0 to 1"));
}

}  // namespace
}  // namespace midpo
