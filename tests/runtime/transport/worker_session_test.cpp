// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(WorkerSession, KeepsAskingUntilACoordinatorIsThere) {
  Wire wire;
  wire.is_cut = true;
  wire.add_worker("a", 1);
  wire.run(seconds(20));
  wire.is_cut = false;
  wire.run(seconds(5));
  EXPECT_EQ(only<WorkerReady>(wire.at_table).size(), 1U);
  EXPECT_TRUE(only<SessionLost>(wire.at_worker["a"]).empty());
}

TEST(WorkerSession, BeginsANewSessionAfterSilence) {
  Wire wire = ready_wire();
  wire.is_cut = true;
  wire.run(seconds(4));
  EXPECT_EQ(only<SessionLost>(wire.at_worker["a"]).size(), 1U);
  wire.is_cut = false;
  wire.run(seconds(5));
  EXPECT_EQ(only<JobOffered>(wire.at_worker["a"]).size(), 2U);
}

TEST(WorkerSession, JoinsARestartedCoordinator) {
  Wire wire = ready_wire();
  wire.table = WorkerTable(table_options(2));
  wire.at_table.clear();
  wire.run(seconds(2));
  EXPECT_EQ(only<WorkerReady>(wire.at_table).size(), 1U);
}

TEST(WorkerSession, DropsWhatItComputedForADeadSession) {
  Wire wire = ready_wire();
  wire.table.assign(wire.ready_worker(), 1, 0, kTask, wire.now);
  wire.run(milliseconds(50));
  const auto given = only<TaskGiven>(wire.at_worker["a"]);
  wire.table = WorkerTable(table_options(2));
  wire.run(seconds(2));
  wire.workers.at("a").finish(given[0].session, 1, 0, kResult);
  wire.run(seconds(1));
  EXPECT_EQ(wire.workers.at("a").num_void(), 1U);
  EXPECT_TRUE(only<TaskDone>(wire.at_table).empty());
}

TEST(WorkerSession, DoesNotObeyAnOlderCoordinator) {
  Wire wire(table_options(2));
  wire.add_worker("a", 1);
  wire.run(milliseconds(100));
  Message reset = to_message(Reset{"I am old"});
  reset.envelope.job = "0123";
  reset.envelope.epoch = 1;
  reset.envelope.session = wire.workers.at("a").session();
  EXPECT_TRUE(wire.workers.at("a").receive(reset, wire.now).empty());
}

TEST(WorkerSession, IgnoresWhatIsForAnotherSession) {
  Wire wire = ready_wire();
  Message goodbye = to_message(Goodbye{"go"});
  goodbye.envelope = {MessageKind::kGoodbye, "0123", 1, 999, 2, 0, 0, 0};
  EXPECT_TRUE(wire.workers.at("a").receive(goodbye, wire.now).empty());
  EXPECT_FALSE(wire.workers.at("a").is_over());
}

TEST(WorkerSession, BeginsAnewWhenTheCoordinatorBreaksTheProtocol) {
  Wire wire = ready_wire();
  Message odd = to_message(good_ready());
  odd.envelope = {MessageKind::kReady, "0123", 1, wire.workers.at("a").session(), 2, 0, 0, 0};
  const auto lost = only<SessionLost>(wire.workers.at("a").receive(odd, wire.now));
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_THAT(lost[0].reason, HasSubstr("may not send a ready"));
}

TEST(WorkerSession, SaysForWhatItWaits) {
  Wire wire;
  wire.is_cut = true;
  wire.add_worker("a", 1);
  wire.run(seconds(2));
  EXPECT_THAT(wire.workers.at("a").describe(wire.now), HasSubstr("waits for the coordinator"));
}

}  // namespace
}  // namespace midpo
