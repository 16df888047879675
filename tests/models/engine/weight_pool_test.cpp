// SPDX-License-Identifier: Apache-2.0
#include "models/weight_pool.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace midpo {
namespace {

TEST(WeightPool, MakesEachWeightOnce) {
  WeightPool pool;
  int made = 0;
  const auto make = [&] {
    ++made;
    return at::ones({2, 3});
  };
  const at::Tensor first = pool.tensor("a", make);
  const at::Tensor second = pool.tensor("a", make);
  EXPECT_EQ(made, 1);
  EXPECT_TRUE(first.is_same(second));
  pool.tensor("b", make);
  EXPECT_EQ(made, 2);
}

TEST(WeightPool, DropsWhatNoModelUses) {
  WeightPool pool;
  const FrozenLinear kept = pool.linear("kept", [] { return FrozenLinear(at::ones({4, 4}), {}); });
  pool.linear("unused", [] { return FrozenLinear(at::ones({4, 4}), {}); });
  pool.tensor("unused", [] { return at::ones({4}); });
  EXPECT_EQ(pool.size(), 3U);
  pool.drop_unused();
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_TRUE(kept.is_shared());
}

TEST(WeightPool, KeepsNothingOfAFailure) {
  WeightPool pool;
  const auto fail = []() -> at::Tensor { throw std::runtime_error("unreadable"); };
  EXPECT_THROW(pool.tensor("a", fail), std::runtime_error);
  EXPECT_EQ(pool.size(), 0U);
}

}  // namespace
}  // namespace midpo
