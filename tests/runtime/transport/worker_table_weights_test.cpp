// SPDX-License-Identifier: Apache-2.0
// Versions of weights, and prompts that are written with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

Wire ready_wire() {
  Wire wire;
  wire.add_worker("a", 1);
  wire.run(milliseconds(100));
  return wire;
}

bool assign(Wire& wire, std::uint64_t version, std::uint64_t task = 9) {
  return wire.table.assign(wire.ready_worker(), task, 1,
                           std::make_shared<PromptTask>(prompts_of(version)), wire.now);
}

/// The worker confirms the versions that have arrived whole since the last call.
void confirm_all(Wire& wire, const std::string& worker = "a", const std::string& model = "model") {
  for (const WeightsGiven& given : only<WeightsGiven>(wire.at_worker[worker])) {
    if (!given.is_whole) continue;
    wire.workers.at(worker).confirm(given.session,
                                    {given.piece.version, given.piece.content, model});
  }
  wire.at_worker[worker].clear();
  wire.run(milliseconds(100));
}

std::string loss_of(Wire& wire) {
  const auto lost = only<WorkerLost>(wire.at_table);
  return lost.empty() ? "" : lost.front().reason;
}

TEST(WorkerTableWeights, ArriveWholeAndInOrder) {
  Wire wire = ready_wire();
  const auto version = version_of(3, 700'000);
  wire.table.publish(version, 2);
  wire.run(seconds(1));
  Frame bytes;
  for (const WeightsGiven& given : only<WeightsGiven>(wire.at_worker["a"])) {
    EXPECT_EQ(given.piece.oldest, 2U);
    if (given.piece.file == 0)
      bytes.insert(bytes.end(), given.piece.bytes.begin(), given.piece.bytes.end());
  }
  EXPECT_EQ(bytes, version->read(0, 0, 700'000));
  EXPECT_TRUE(only<WeightsGiven>(wire.at_worker["a"]).back().is_whole);
}

TEST(WorkerTableWeights, AreAFewSmallPiecesAtATime) {
  Wire wire = ready_wire();
  wire.table.publish(version_of(1, 100'000'000), 0);
  std::size_t bytes = 0;
  for (const auto& out : wire.table.due(wire.now)) {
    for (const Frame& frame : out.message.frames) bytes += frame.size();
  }
  EXPECT_GT(bytes, 0U);
  EXPECT_LE(bytes, std::size_t{1} << 20);
}

TEST(WorkerTableWeights, DoNotHoldUpTasksThatComeBehindThem) {
  Wire wire = ready_wire();
  wire.table.publish(version_of(1, 100'000'000), 0);
  wire.run(milliseconds(50));
  ASSERT_TRUE(wire.table.assign(wire.ready_worker(), 1, 1, TileTask{0, {{{1}}}}, wire.now));
  wire.run(milliseconds(50));
  EXPECT_EQ(only<TaskGiven>(wire.at_worker["a"]).size(), 1U);
  EXPECT_FALSE(only<WeightsGiven>(wire.at_worker["a"]).back().is_whole);
}

TEST(WorkerTableWeights, GoToAWorkerThatComesLater) {
  Wire wire;
  wire.table.publish(version_of(1, 10), 0);
  wire.table.publish(version_of(2, 10), 1);
  wire.table.publish(version_of(3, 10), 2);
  wire.add_worker("a", 1);
  wire.run(milliseconds(200));
  std::vector<std::uint64_t> versions;
  for (const WeightsGiven& given : only<WeightsGiven>(wire.at_worker["a"])) {
    if (given.is_whole) versions.push_back(given.piece.version);
  }
  EXPECT_THAT(versions, ::testing::ElementsAre(2, 3));
}

TEST(WorkerTableWeights, MustBeConfirmedBeforePromptsGoThere) {
  Wire wire = ready_wire();
  EXPECT_FALSE(assign(wire, 1));
  wire.table.publish(version_of(1, 10), 0);
  wire.run(milliseconds(100));
  EXPECT_FALSE(assign(wire, 1)) << "sent, and not confirmed";
  confirm_all(wire);
  EXPECT_EQ(only<WeightsConfirmed>(wire.at_table).size(), 1U);
  EXPECT_FALSE(assign(wire, 2));
  EXPECT_TRUE(assign(wire, 1));
  EXPECT_FALSE(assign(wire, 1, 10)) << "it has one credit";
}

Wire confirmed_wire() {
  Wire wire = ready_wire();
  wire.table.publish(version_of(1, 10), 0);
  wire.run(milliseconds(100));
  confirm_all(wire);
  return wire;
}

TEST(WorkerTableWeights, ResponsesComeBackOnceAndGiveTheCreditBack) {
  Wire wire = confirmed_wire();
  ASSERT_TRUE(assign(wire, 1));
  wire.run(milliseconds(50));
  const TaskGiven given = only<TaskGiven>(wire.at_worker["a"]).at(0);
  EXPECT_EQ(std::get<PromptTask>(given.body), prompts_of(1));
  for (int i = 0; i < 2; ++i)
    wire.workers.at("a").finish(given.session, given.task, given.attempt, good_responses());
  wire.run(milliseconds(50));
  ASSERT_EQ(only<PromptsDone>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<PromptsDone>(wire.at_table)[0].result, good_responses());
  EXPECT_TRUE(assign(wire, 1));
}

TEST(WorkerTableWeights, ImpossibleResponsesCostTheSessionAndGiveTheTaskBack) {
  Wire wire = confirmed_wire();
  ASSERT_TRUE(assign(wire, 1));
  wire.run(milliseconds(50));
  PromptResult result = good_responses();
  result.samples[0][0].tokens = {4};  // it neither stopped nor is it at its longest
  wire.workers.at("a").finish(wire.workers.at("a").session(), 9, 1, result);
  wire.run(milliseconds(50));
  EXPECT_THAT(loss_of(wire), HasSubstr("broke the protocol"));
  EXPECT_THAT(only<WorkerLost>(wire.at_table)[0].tasks, ::testing::ElementsAre(9));
}

TEST(WorkerTableWeights, AConfirmationOfWhatWasNotSentCostsTheSession) {
  Wire wire = confirmed_wire();
  wire.workers.at("a").confirm(wire.workers.at("a").session(), {2, std::string(32, 'a'), "model"});
  wire.run(milliseconds(50));
  EXPECT_THAT(loss_of(wire), HasSubstr("version 2 that it was not sent"));
}

TEST(WorkerTableWeights, AConfirmationOfAnotherContentCostsTheSession) {
  Wire wire = ready_wire();
  wire.table.publish(version_of(1, 10), 0);
  wire.run(milliseconds(100));
  wire.workers.at("a").confirm(wire.workers.at("a").session(), {1, std::string(32, 'b'), "model"});
  wire.run(milliseconds(50));
  EXPECT_THAT(loss_of(wire), HasSubstr("broke the protocol"));
}

TEST(WorkerTableWeights, AWorkerWhoseModelIsAnotherIsRefused) {
  Wire wire = confirmed_wire();
  wire.add_worker("b", 2);
  wire.run(milliseconds(200));
  confirm_all(wire, "b", "another model");
  EXPECT_THAT(loss_of(wire), HasSubstr("another model"));
  const auto over = only<SessionOver>(wire.at_worker["b"]);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].error->code(), ErrorCode::kCheckpoint);
  EXPECT_EQ(wire.table.num_workers(), 1U);
}

TEST(WorkerTableRoles, AWorkerThatOffersNoneOfThemIsRefusedByName) {
  WorkerTableOptions options = table_options();
  options.welcome.roles = {"generator"};
  Wire wire(options);
  WorkerSessionOptions worker = session_options("a", 1);
  worker.hello.roles = {"scorer"};
  wire.workers.emplace("a", WorkerSession(worker, wire.now));
  wire.run(milliseconds(100));
  const auto refused = only<WorkerRefused>(wire.at_table);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, HasSubstr("work for a generator, and worker a offers to be a "
                                           "scorer"));
}

TEST(WorkerTableRoles, AScorerIsGivenNoPrompts) {
  Wire wire;
  WorkerSessionOptions worker = session_options("a", 1);
  worker.hello.roles = {"scorer"};
  wire.workers.emplace("a", WorkerSession(worker, wire.now));
  wire.table.publish(version_of(1, 10), 0);
  wire.run(milliseconds(100));
  EXPECT_EQ(only<WorkerReady>(wire.at_table)[0].prompt_credits, 0U);
  EXPECT_TRUE(only<WeightsGiven>(wire.at_worker["a"]).empty());
}

TEST(WorkerSessionWeights, PromptsOfAVersionThatWasNotConfirmedCostTheSession) {
  Wire wire = ready_wire();
  Message message = to_message(prompts_of(4));
  message.envelope.job = "0123";
  message.envelope.epoch = 1;
  message.envelope.session = wire.workers.at("a").session();
  message.envelope.seq = 2;  // behind the Welcome
  wire.to_worker("a", message);
  const auto lost = only<SessionLost>(wire.at_worker["a"]);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_THAT(lost[0].reason, HasSubstr("version 4, which this worker has not confirmed"));
}

}  // namespace
}  // namespace midpo
