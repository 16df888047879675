// SPDX-License-Identifier: Apache-2.0
// Every kind of message, lost, doubled, or late by one life of the coordinator: the dialogue of a
// whole worker's life comes out the same.
#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Fault { kLostOnce, kLostThreeTimes, kDoubled };

/// A worker joins, computes one task, fails on another, takes weights, writes with them, drains and
/// leaves; each step has ten seconds. @return what both sides saw, in words
std::string live(Wire& wire) {
  wire.add_worker("a", 1);
  wire.run(seconds(10));
  WorkerSession& worker = wire.workers.at("a");
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.table.assign(wire.ready_worker(), 2, 0, kTask, wire.now);
  wire.run(seconds(10));
  for (const TaskGiven& given : only<TaskGiven>(wire.at_worker["a"])) {
    if (given.task == 1) worker.finish(given.session, 1, given.attempt, kResult);
    if (given.task == 2) worker.fail(given.session, 2, given.attempt, {ErrorCode::kData, "bad"});
  }
  wire.run(seconds(10));
  wire.table.publish(version_of(3, 1'000'000), 0);
  wire.run(seconds(20));
  for (const WeightsGiven& given : only<WeightsGiven>(wire.at_worker["a"])) {
    if (given.is_whole) worker.confirm(given.session, {3, given.piece.content, "model"});
  }
  wire.run(seconds(10));
  wire.table.assign(wire.ready_worker(), 9, 0, std::make_shared<PromptTask>(prompts_of(3)),
                    wire.now);
  wire.run(seconds(10));
  for (const TaskGiven& given : only<TaskGiven>(wire.at_worker["a"])) {
    if (given.task == 9) worker.finish(given.session, 9, given.attempt, good_responses());
  }
  wire.run(seconds(10));
  wire.table.drain(wire.ready_worker());
  wire.run(seconds(10));
  if (!only<DrainAsked>(wire.at_worker["a"]).empty()) worker.leave("drained");
  wire.run(seconds(10));
  std::string story;
  for (const WorkerEvent& event : wire.at_table) story += std::to_string(event.index()) + " ";
  story += "| ";
  for (const SessionEvent& event : wire.at_worker["a"])
    story += std::to_string(event.index()) + " ";
  return story + (worker.is_settled() ? "settled" : "not settled");
}

class FaultMatrix : public testing::TestWithParam<std::tuple<MessageKind, Fault>> {};

TEST_P(FaultMatrix, ChangesNothing) {
  Wire undisturbed;
  const std::string expected = live(undisturbed);
  const auto [kind, fault] = GetParam();
  Wire wire;
  int num_lost = 0;
  wire.faults = [&, wanted = kind, how = fault](const Message& message) {
    if (message.envelope.kind != wanted) return 1;
    if (how == Fault::kDoubled) return 2;
    const int limit = how == Fault::kLostOnce ? 1 : 3;
    return ++num_lost <= limit ? 0 : 1;
  };
  EXPECT_EQ(live(wire), expected);
}

std::string case_name(const testing::TestParamInfo<FaultMatrix::ParamType>& info) {
  const auto [kind, fault] = info.param;
  const char* names[] = {"_lost_once", "_lost_three_times", "_doubled"};
  return std::string(message_kind_name(kind)) + names[static_cast<int>(fault)];
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, FaultMatrix,
    testing::Combine(testing::Values(MessageKind::kHello, MessageKind::kWelcome,
                                     MessageKind::kReady, MessageKind::kTask, MessageKind::kResult,
                                     MessageKind::kFailure, MessageKind::kHeartbeat,
                                     MessageKind::kDrain, MessageKind::kGoodbye,
                                     MessageKind::kWeights, MessageKind::kConfirm,
                                     MessageKind::kPrompts, MessageKind::kResponses),
                     testing::Values(Fault::kLostOnce, Fault::kLostThreeTimes, Fault::kDoubled)),
    case_name);

/// All that was said before a coordinator died arrives again after the next has begun.
TEST(FaultMatrix, EchoesOfADeadCoordinatorChangeNothing) {
  Wire wire;
  std::vector<Message> echoes;
  wire.faults = [&](const Message& message) {
    echoes.push_back(message);
    return 1;
  };
  wire.add_worker("a", 1);
  wire.run(milliseconds(100));
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(100));
  wire.workers.at("a").finish(wire.workers.at("a").session(), 1, 0, kResult);
  wire.run(milliseconds(100));
  wire.faults = nullptr;
  wire.table = WorkerTable(table_options(2));
  wire.run(seconds(2));
  wire.at_table.clear();
  wire.at_worker["a"].clear();
  for (const Message& echo : echoes) {
    wire.to_table("a", echo);
    wire.to_worker("a", echo);
  }
  EXPECT_TRUE(wire.at_worker["a"].empty());
  EXPECT_TRUE(only<TaskDone>(wire.at_table).empty());
  wire.run(seconds(10));
  EXPECT_EQ(wire.table.num_workers(), 1U);
}

}  // namespace
}  // namespace midpo
