// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(WorkerTable, TakesAWorkerInAndGivesItWork) {
  Wire wire = ready_wire();
  EXPECT_EQ(only<WorkerJoined>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<WorkerReady>(wire.at_table)[0].credits, 2U);
  ASSERT_TRUE(wire.table.assign(wire.ready_worker(), 7, 3, kTask, wire.now));
  wire.run(milliseconds(50));
  const auto given = only<TaskGiven>(wire.at_worker["a"]);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].task, 7U);
  EXPECT_EQ(given[0].attempt, 3U);
  EXPECT_EQ(std::get<TileTask>(given[0].body), kTask);
  wire.workers.at("a").finish(given[0].session, 7, 3, kResult);
  wire.run(milliseconds(50));
  const auto done = only<TaskDone>(wire.at_table);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].result, kResult);
}

TEST(WorkerTable, GivesNoMoreThanTheCredits) {
  Wire wire = ready_wire();
  EXPECT_TRUE(wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now));
  EXPECT_TRUE(wire.table.assign(wire.ready_worker(), 2, 0, kTask, wire.now));
  EXPECT_FALSE(wire.table.assign(wire.ready_worker(), 3, 0, kTask, wire.now));
}

TEST(WorkerTable, AFailureReturnsTheCredit) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.table.assign(wire.ready_worker(), 2, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  wire.workers.at("a").fail(wire.workers.at("a").session(), 1, 0, {ErrorCode::kData, "bad"});
  wire.run(milliseconds(50));
  ASSERT_EQ(only<TaskFailed>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<TaskFailed>(wire.at_table)[0].failure.text, "bad");
  EXPECT_TRUE(wire.table.assign(wire.ready_worker(), 3, 0, kTask, wire.now));
}

TEST(WorkerTable, FindsASilentWorkerWithinThreeSecondsAndFreesItsTasks) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.workers.erase("a");
  wire.run(milliseconds(3100));
  const auto lost = only<WorkerLost>(wire.at_table);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_THAT(lost[0].tasks, ElementsAre(1U));
  EXPECT_THAT(lost[0].reason, HasSubstr("silent for 3.0 s"));
}

TEST(WorkerTable, KeepsAnIdleWorker) {
  Wire wire = ready_wire();
  wire.run(seconds(60));
  EXPECT_TRUE(only<WorkerLost>(wire.at_table).empty());
}

TEST(WorkerTable, BlamesTheTaskInWorkWhenTheWorkerComesBackAsAnotherProcess) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.table.assign(wire.ready_worker(), 2, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  wire.add_worker("a", 2);
  wire.run(milliseconds(2500));
  const auto suspected = only<TaskSuspected>(wire.at_table);
  ASSERT_EQ(suspected.size(), 1U);
  EXPECT_EQ(suspected[0].task, 1U);
  EXPECT_THAT(only<WorkerLost>(wire.at_table)[0].tasks, ElementsAre(1U, 2U));
}

TEST(WorkerTable, BlamesNoTaskThatWasSentToADeadWorker) {
  Wire wire = ready_wire();
  wire.workers.erase("a");
  wire.run(milliseconds(50));
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  wire.add_worker("a", 2);
  wire.run(milliseconds(2500));
  EXPECT_EQ(only<WorkerLost>(wire.at_table).size(), 1U);
  EXPECT_TRUE(only<TaskSuspected>(wire.at_table).empty());
}

TEST(WorkerTable, BlamesATaskThatKillsBeforeItsArrivalIsKnown) {
  Wire wire = ready_wire();
  for (std::uint64_t instance = 2; instance <= 4; ++instance) {
    EXPECT_TRUE(only<TaskSuspected>(wire.at_table).empty());
    wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
    wire.add_worker("a", instance);
    wire.run(milliseconds(2500));
  }
  EXPECT_EQ(only<TaskSuspected>(wire.at_table).size(), 1U);
}

TEST(WorkerTable, BlamesNoTaskWhenTheNetworkWasCut) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.is_cut = true;
  wire.run(seconds(5));
  wire.is_cut = false;
  wire.run(seconds(40));
  EXPECT_EQ(only<WorkerLost>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<WorkerReady>(wire.at_table).size(), 2U);
  EXPECT_TRUE(only<TaskSuspected>(wire.at_table).empty());
}

TEST(WorkerTable, BlamesTheTaskOfAWorkerThatNeverComesBack) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  wire.workers.erase("a");
  wire.run(seconds(32));
  EXPECT_TRUE(only<TaskSuspected>(wire.at_table).empty());
  wire.run(seconds(2));
  EXPECT_EQ(only<TaskSuspected>(wire.at_table).size(), 1U);
}

TEST(WorkerTable, EndsTheSessionOfAWorkerThatHangsOnATask) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(seconds(61));
  ASSERT_EQ(only<WorkerLost>(wire.at_table).size(), 1U);
  EXPECT_THAT(only<WorkerLost>(wire.at_table)[0].reason, HasSubstr("held task 1 for 60.0 s"));
  EXPECT_EQ(only<TaskSuspected>(wire.at_table).size(), 1U);
}

TEST(WorkerTable, TakesAResultOnlyForTheAttemptThatIsHeld) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 5, kTask, wire.now);
  wire.run(milliseconds(50));
  WorkerSession& worker = wire.workers.at("a");
  worker.finish(worker.session(), 1, 4, kResult);
  worker.finish(worker.session(), 2, 5, kResult);
  wire.run(milliseconds(50));
  EXPECT_TRUE(only<TaskDone>(wire.at_table).empty());
  EXPECT_EQ(wire.table.num_unasked(), 2U);
}

TEST(WorkerTable, EndsTheSessionOfAWorkerThatAnswersForOtherRows) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  WorkerSession& worker = wire.workers.at("a");
  worker.finish(worker.session(), 1, 0, TileResult{.values = {{1.0}}});
  wire.run(milliseconds(50));
  EXPECT_TRUE(only<TaskDone>(wire.at_table).empty());
  EXPECT_THAT(only<WorkerLost>(wire.at_table)[0].tasks, ElementsAre(1U));
}

TEST(WorkerTable, TurnsAValueThatIsNotFiniteIntoAFailure) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  WorkerSession& worker = wire.workers.at("a");
  worker.finish(worker.session(), 1, 0,
                TileResult{.values = {{1.0, std::numeric_limits<double>::quiet_NaN()}}});
  wire.run(milliseconds(50));
  ASSERT_EQ(only<TaskFailed>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<TaskFailed>(wire.at_table)[0].failure.code, ErrorCode::kNumerics);
}

TEST(WorkerTable, RefusesOtherNumericsUnlessMixedIsAllowed) {
  WorkerTableOptions options = table_options();
  options.numerics = "torch avx512";
  const Hello hello{.version = {},
                    .name = "b",
                    .instance = 1,
                    .host = {},
                    .pid = 1,
                    .numerics = "torch avx2",
                    .devices = {},
                    .roles = {"scorer"},
                    .num_lanes = 1};
  Message message = to_message(hello);
  message.envelope.seq = 1;
  WorkerTable strict(options);
  const auto refused = only<WorkerRefused>(strict.receive("b", message, {}));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0].reason, HasSubstr("torch avx2"));
  ASSERT_EQ(strict.due({}).front().message.envelope.kind, MessageKind::kRefusal);
  options.allows_mixed = true;
  EXPECT_EQ(only<WorkerJoined>(WorkerTable(options).receive("b", message, {})).size(), 1U);
}

TEST(WorkerTable, RefusesAWorkerThatLoadedAnotherModel) {
  WorkerTableOptions options = table_options();
  options.welcome.models[0].content = "beef";
  Wire wire(options);
  wire.add_worker("a", 1);
  wire.run(milliseconds(100));
  EXPECT_TRUE(only<WorkerReady>(wire.at_table).empty());
  const auto over = only<SessionOver>(wire.at_worker["a"]);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_THAT(over[0].error->what(), HasSubstr("content cafe, the job's has beef"));
}

TEST(WorkerTable, EndsTheSessionOfAPeerThatSendsWhatOnlyACoordinatorMay) {
  Wire wire = ready_wire();
  Message message = to_message(Welcome{});
  message.envelope.job = "0123";
  message.envelope.epoch = 1;
  message.envelope.session = wire.workers.at("a").session();
  message.envelope.seq = 3;
  const auto events = wire.table.receive("a", message, wire.now);
  ASSERT_EQ(only<WorkerLost>(events).size(), 1U);
  EXPECT_THAT(only<WorkerLost>(events)[0].reason, HasSubstr("may not send a welcome"));
}

TEST(WorkerTable, DoesNotTakeAnEchoForARestart) {
  Wire wire = ready_wire();
  WorkerSession ghost(session_options("a", 9), wire.now);
  EXPECT_TRUE(wire.table.receive("a", ghost.due(wire.now)[0], wire.now).empty());
  wire.run(seconds(1));
  EXPECT_TRUE(only<WorkerLost>(wire.at_table).empty());
}

TEST(WorkerTable, DoesNotBeginAnEndedSessionAgain) {
  Wire wire;
  wire.add_worker("a", 1);
  const auto hello = wire.workers.at("a").due(wire.now);
  wire.run(milliseconds(600));
  wire.add_worker("a", 2);
  wire.run(milliseconds(2500));
  ASSERT_EQ(only<WorkerReady>(wire.at_table).size(), 2U);
  EXPECT_TRUE(wire.table.receive("a", hello[0], wire.now).empty());
  EXPECT_EQ(wire.table.num_workers(), 1U);
  wire.run(seconds(1));
  EXPECT_EQ(only<WorkerReady>(wire.at_table).size(), 2U);
}

TEST(WorkerTable, LetsAWorkerDrainAndLeave) {
  Wire wire = ready_wire();
  wire.table.drain(wire.ready_worker());
  EXPECT_FALSE(wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now));
  wire.run(milliseconds(50));
  ASSERT_EQ(only<DrainAsked>(wire.at_worker["a"]).size(), 1U);
  wire.workers.at("a").leave("drained");
  wire.run(milliseconds(50));
  ASSERT_EQ(only<WorkerLost>(wire.at_table).size(), 1U);
  EXPECT_EQ(only<WorkerLost>(wire.at_table)[0].reason, "left: drained");
  EXPECT_TRUE(wire.workers.at("a").is_settled());
}

TEST(WorkerTable, SendsEverybodyHomeWhenTheJobIsDone) {
  Wire wire = ready_wire();
  wire.table.finish("all rows are ranked");
  EXPECT_FALSE(wire.table.is_settled());
  wire.run(milliseconds(100));
  EXPECT_TRUE(wire.table.is_settled());
  const auto over = only<SessionOver>(wire.at_worker["a"]);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_FALSE(over[0].error.has_value());
}

TEST(WorkerTable, SaysWhoHoldsWhatSinceWhen) {
  Wire wire = ready_wire();
  EXPECT_THAT(wire.table.describe(wire.now)[0], HasSubstr("waits for a task"));
  wire.table.assign(wire.ready_worker(), 12, 1, kTask, wire.now);
  wire.run(seconds(2));
  EXPECT_THAT(wire.table.describe(wire.now),
              ElementsAre(AllOf(HasSubstr("worker a (host, pid 42)"),
                                HasSubstr("computes task 12 attempt 1 since 2.0 s"))));
}

}  // namespace
}  // namespace midpo
