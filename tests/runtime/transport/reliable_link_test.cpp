// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/reliable_link.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/transport/fault_plan.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = ReliableLink::Clock;

constexpr Clock::time_point kStart{};

Message numbered(std::uint64_t task) {
  Message message;
  message.envelope.kind = MessageKind::kTask;
  message.envelope.task = task;
  return message;
}

TEST(ReliableLink, DeliversInOrderWhateverTheOrderOfArrival) {
  ReliableLink from(1, {}, kStart);
  ReliableLink to(1, {}, kStart);
  for (std::uint64_t task = 1; task <= 3; ++task) from.send(numbered(task));
  const auto wire = from.due(kStart);
  ASSERT_EQ(wire.size(), 3U);
  EXPECT_TRUE(to.receive(wire[2], kStart).empty());
  EXPECT_TRUE(to.receive(wire[1], kStart).empty());
  const auto delivered = to.receive(wire[0], kStart);
  ASSERT_EQ(delivered.size(), 3U);
  EXPECT_EQ(delivered[2].envelope.task, 3U);
}

TEST(ReliableLink, DeliversADoubledMessageOnce) {
  ReliableLink from(1, {}, kStart);
  ReliableLink to(1, {}, kStart);
  from.send(numbered(1));
  const auto wire = from.due(kStart);
  EXPECT_EQ(to.receive(wire[0], kStart).size(), 1U);
  EXPECT_TRUE(to.receive(wire[0], kStart).empty());
  EXPECT_EQ(to.num_duplicates(), 1U);
}

TEST(ReliableLink, ResendsLaterAndLaterUntilAcknowledged) {
  LinkOptions options;
  options.heartbeat = seconds(100);
  ReliableLink from(1, options, kStart);
  from.send(numbered(1));
  EXPECT_EQ(from.due(kStart).size(), 1U);
  EXPECT_TRUE(from.due(kStart + milliseconds(299)).empty());
  EXPECT_EQ(from.due(kStart + milliseconds(300)).size(), 1U);
  EXPECT_TRUE(from.due(kStart + milliseconds(899)).empty());
  EXPECT_EQ(from.due(kStart + milliseconds(900)).size(), 1U);
  Message ack;
  ack.envelope.ack = 1;
  from.receive(ack, kStart + seconds(2));
  EXPECT_TRUE(from.due(kStart + seconds(90)).empty());
  EXPECT_EQ(from.num_unacknowledged(), 0U);
}

TEST(ReliableLink, GivesALargeMessageTimeToTravel) {
  ReliableLink from(1, {}, kStart);
  Message large = numbered(1);
  large.frames.emplace_back(20'000'000);
  from.send(std::move(large));
  from.due(kStart);
  EXPECT_EQ(from.due(kStart + milliseconds(2299)).size(), 1U);  // a heartbeat
  EXPECT_EQ(from.num_resent(), 0U);
  from.due(kStart + milliseconds(2300));
  EXPECT_EQ(from.num_resent(), 1U);
}

TEST(ReliableLink, BeatsWhileItResends) {
  ReliableLink from(1, {}, kStart);
  from.send(numbered(1));
  int num_beats = 0;
  for (auto now = kStart; now <= kStart + seconds(3); now += milliseconds(10)) {
    for (const Message& message : from.due(now)) num_beats += message.envelope.seq == 0 ? 1 : 0;
  }
  EXPECT_EQ(num_beats, 3);
}

TEST(ReliableLink, KeepsItsWindow) {
  LinkOptions options;
  options.window = 2;
  ReliableLink from(1, options, kStart);
  for (std::uint64_t task = 1; task <= 3; ++task) from.send(numbered(task));
  EXPECT_EQ(from.due(kStart).size(), 2U);
  Message ack;
  ack.envelope.ack = 1;
  from.receive(ack, kStart);
  EXPECT_EQ(from.due(kStart).size(), 1U);
}

TEST(ReliableLink, IgnoresWhatIsFarBeyondTheWindow) {
  LinkOptions options;
  options.window = 2;
  ReliableLink to(1, options, kStart);
  Message far = numbered(1);
  far.envelope.seq = 1'000'000;
  EXPECT_TRUE(to.receive(far, kStart).empty());
  EXPECT_EQ(to.due(kStart + milliseconds(20)).front().envelope.ack, 0U);
}

TEST(ReliableLink, AcknowledgesSoonWhenItHasNothingToSay) {
  ReliableLink to(1, {}, kStart);
  Message message = numbered(1);
  message.envelope.kind = MessageKind::kResult;
  message.envelope.seq = 1;
  to.receive(message, kStart);
  EXPECT_EQ(to.next_wake(), kStart + milliseconds(20));
  EXPECT_TRUE(to.due(kStart + milliseconds(19)).empty());
  const auto wire = to.due(kStart + milliseconds(20));
  ASSERT_EQ(wire.size(), 1U);
  EXPECT_EQ(wire[0].envelope.kind, MessageKind::kHeartbeat);
  EXPECT_EQ(wire[0].envelope.ack, 1U);
  EXPECT_TRUE(to.due(kStart + milliseconds(40)).empty());
}

TEST(ReliableLink, AcknowledgesATaskAtOnce) {
  ReliableLink from(1, {}, kStart);
  ReliableLink to(1, {}, kStart);
  from.send(numbered(7));
  EXPECT_FALSE(from.has_arrived(numbered(7).envelope));
  to.receive(from.due(kStart).front(), kStart);
  from.receive(to.due(kStart).front(), kStart);
  EXPECT_TRUE(from.has_arrived(numbered(7).envelope));
}

TEST(ReliableLink, AcknowledgesWithWhatItSendsAnyway) {
  ReliableLink to(1, {}, kStart);
  Message message = numbered(1);
  message.envelope.seq = 1;
  to.receive(message, kStart);
  to.send(numbered(9));
  EXPECT_EQ(to.due(kStart).front().envelope.ack, 1U);
  EXPECT_TRUE(to.due(kStart + milliseconds(20)).empty());
}

TEST(ReliableLink, BeatsEverySecondAndDiesAfterThreeOfSilence) {
  ReliableLink link(1, {}, kStart);
  EXPECT_TRUE(link.due(kStart + milliseconds(999)).empty());
  EXPECT_EQ(link.due(kStart + seconds(1)).size(), 1U);
  EXPECT_FALSE(link.is_dead(kStart + milliseconds(2999)));
  EXPECT_TRUE(link.is_dead(kStart + seconds(3)));
  link.receive(Message{}, kStart + seconds(3));
  EXPECT_FALSE(link.is_dead(kStart + milliseconds(5999)));
}

/// Sends 200 messages each way over a network of that seed. @return delivered tasks of both sides
std::pair<std::vector<std::uint64_t>, std::vector<std::uint64_t>> talk(std::uint64_t seed) {
  FaultPlan faults({.drop = 0.3, .doubled = 0.3, .reordered = 0.3, .delayed = 0.1}, seed);
  ReliableLink ends[2] = {{7, {}, kStart}, {7, {}, kStart}};
  std::vector<std::uint64_t> delivered[2];
  std::multimap<Clock::time_point, std::pair<int, Message>> network;
  for (std::uint64_t task = 1; task <= 200; ++task) {
    ends[0].send(numbered(task));
    ends[1].send(numbered(task));
  }
  for (auto now = kStart; now < kStart + seconds(600); now += milliseconds(10)) {
    for (; !network.empty() && network.begin()->first <= now; network.erase(network.begin())) {
      auto& [to, message] = network.begin()->second;
      for (const Message& each : ends[to].receive(message, now))
        delivered[to].push_back(each.envelope.task);
    }
    for (int from = 0; from < 2; ++from) {
      for (const Message& message : ends[from].due(now)) {
        for (const auto& copy : faults.next())
          network.emplace(now + copy.delay, std::pair(1 - from, message));
      }
    }
  }
  return {delivered[0], delivered[1]};
}

TEST(ReliableLink, DeliversAllOnceOverABadNetwork) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t task = 1; task <= 200; ++task) all.push_back(task);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto [first, second] = talk(seed);
    EXPECT_EQ(first, all) << seed;
    EXPECT_EQ(second, all) << seed;
  }
}

}  // namespace
}  // namespace midpo
