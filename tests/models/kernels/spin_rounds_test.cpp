// SPDX-License-Identifier: Apache-2.0
// On threads that ThreadSanitizer can follow; OpenMP's and LibTorch's it cannot.
#include "models/spin_rounds.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace midpo {
namespace {

/// Its members on threads of their own, until the end of the test.
class Rounds {
 public:
  explicit Rounds(int size) {
    rounds_.set_size(size);
    for (int member = 1; member < size; ++member) {
      threads_.emplace_back([this, member] { rounds_.serve(member); });
    }
  }
  ~Rounds() { rounds_.dismiss(); }

  void run(const SpinRounds::Task& task) { rounds_.run(task); }

 private:
  SpinRounds rounds_;
  std::vector<std::jthread> threads_;
};

TEST(SpinRounds, HandOverPlainMemoryFromRoundToRound) {
  constexpr int kSize = 3;
  std::vector<int> values(kSize, 0);
  Rounds rounds(kSize);
  for (int round = 0; round < 500; ++round) {
    // Each member goes on with what another one has left, which none of them guards.
    rounds.run(
        [&](int member) { values[static_cast<std::size_t>((member + round) % kSize)] += 1; });
    int sum = 0;
    for (const int value : values) sum += value;
    ASSERT_EQ(sum, kSize * (round + 1));
  }
}

TEST(SpinRounds, WakeMembersThatWentToSleep) {
  std::vector<int> done(3, 0);
  Rounds rounds(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    rounds.run([&](int member) {
      // The leader sleeps too, until the last one is done.
      if (member > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++done[static_cast<std::size_t>(member)];
    });
  }
  EXPECT_EQ(done, std::vector<int>(3, 20));
}

TEST(SpinRounds, GoOnAfterWhatAMemberThrew) {
  Rounds rounds(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    EXPECT_THROW(rounds.run([&](int member) {
      if (member == thrower) throw std::runtime_error("member");
    }),
                 std::runtime_error);
    std::vector<int> done(3, 0);
    rounds.run([&](int member) { ++done[static_cast<std::size_t>(member)]; });
    EXPECT_EQ(done, std::vector<int>(3, 1));
  }
}

TEST(SpinRounds, AreOneTaskForALeaderAlone) {
  int num_calls = 0;
  Rounds(1).run([&](int member) {
    EXPECT_EQ(member, 0);
    ++num_calls;
  });
  EXPECT_EQ(num_calls, 1);
}

}  // namespace
}  // namespace midpo
