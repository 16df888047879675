// SPDX-License-Identifier: Apache-2.0
#include "models/weight_pool.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

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

TEST(WeightPool, MakesAWeightOnceForThreadsThatStartTogether) {
  WeightPool pool;
  std::atomic<int> made = 0;
  const auto make = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ++made;
    return at::ones({2, 3});
  };
  std::vector<std::future<at::Tensor>> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(std::async(std::launch::async, [&] { return pool.tensor("a", make); }));
  }
  const at::Tensor first = taken[0].get();
  for (std::size_t i = 1; i < taken.size(); ++i) EXPECT_TRUE(taken[i].get().is_same(first));
  EXPECT_EQ(made, 1);
}

TEST(WeightPool, GivesOthersWhileOneIsMade) {
  WeightPool pool;
  std::future<void> other;
  pool.tensor("slow", [&] {
    other = std::async(std::launch::async, [&] { pool.tensor("a", [] { return at::ones({1}); }); });
    EXPECT_EQ(other.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    return at::ones({1});
  });
}

TEST(WeightPool, KeepsWhatTheNextModelWillWant) {
  WeightPool pool;
  pool.tensor("base/a", [] { return at::ones({4}); });
  pool.tensor("other/a", [] { return at::ones({4}); });
  pool.drop_unused("base/");
  int made = 0;
  pool.tensor("base/a", [&] { return at::ones({++made}); });
  EXPECT_EQ(made, 0);
  EXPECT_EQ(pool.size(), 1U);
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
  EXPECT_EQ(pool.tensor("a", [] { return at::ones({4}); }).numel(), 4);
}

}  // namespace
}  // namespace midpo
