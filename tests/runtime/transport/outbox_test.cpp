// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/outbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "runtime/transport/rare_notice.h"

namespace midpo {
namespace {

Outgoing message_to(const std::string& peer) { return {peer, {Frame(1)}}; }

bool is_awake(const Outbox& outbox) {
  pollfd waiting{outbox.wake_descriptor(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST(Outbox, GivesMessagesInTheirOrder) {
  Outbox outbox(10);
  for (const char* peer : {"a", "b", "c"}) EXPECT_TRUE(outbox.push(message_to(peer)));
  const auto taken = outbox.take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].peer + taken[1].peer + taken[2].peer, "abc");
  EXPECT_TRUE(outbox.take().empty());
}

TEST(Outbox, WakesOnlyWhileThereIsSomethingToTake) {
  Outbox outbox(10);
  EXPECT_FALSE(is_awake(outbox));
  outbox.push(message_to("a"));
  EXPECT_TRUE(is_awake(outbox));
  outbox.take();
  EXPECT_FALSE(is_awake(outbox));
  outbox.push(message_to("b"));
  EXPECT_TRUE(is_awake(outbox));
}

TEST(Outbox, RefusesWhenItIsFull) {
  Outbox outbox(2);
  EXPECT_TRUE(outbox.push(message_to("a")));
  EXPECT_TRUE(outbox.push(message_to("b")));
  EXPECT_FALSE(outbox.push(message_to("c")));
  outbox.take();
  EXPECT_TRUE(outbox.push(message_to("d")));
}

TEST(Outbox, RefusesWhenItIsClosedAndWakes) {
  Outbox outbox(2);
  outbox.close();
  EXPECT_TRUE(outbox.is_closed());
  EXPECT_TRUE(is_awake(outbox));
  EXPECT_FALSE(outbox.push(message_to("a")));
}

TEST(Outbox, LosesNothingBetweenThreads) {
  Outbox outbox(100'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) outbox.push(message_to("a"));
    });
  }
  std::size_t num_taken = 0;
  while (num_taken < 4000) {
    pollfd waiting{outbox.wake_descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 5000), 1) << "after " << num_taken;
    num_taken += outbox.take().size();
  }
  EXPECT_EQ(num_taken, 4000U);
}

TEST(RareNotice, LeavesOutWhatComesOftenAndCountsIt) {
  std::vector<std::string> said;
  RareNotice notice([&](const std::string& text) { said.push_back(text); });
  const RareNotice::Clock::time_point start{};
  notice.say("kind", "first", start + std::chrono::seconds(1));
  notice.say("kind", "second", start + std::chrono::seconds(2));
  notice.say("other", "of another kind", start + std::chrono::seconds(2));
  notice.say("kind", "third", start + std::chrono::seconds(12));
  const std::vector<std::string> expected{"first", "of another kind", "third (and 1 more like it)"};
  EXPECT_EQ(said, expected);
}

}  // namespace
}  // namespace midpo
