// SPDX-License-Identifier: Apache-2.0
// What a worker's key lets it be, and say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/runtime/transport/worker_fixture.h"

namespace midpo {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Roles = std::vector<std::string>;
using Listed = std::map<PeerId, KeyRights>;

/// A table whose list of keys a test can change; a peer's key is its name.
struct KeyedWire {
  explicit KeyedWire(Listed listed) : rights(std::move(listed)) {}

  WorkerTableOptions options() {
    WorkerTableOptions made = table_options();
    made.rights_of = [this](const PeerId& peer) -> std::optional<KeyRights> {
      const auto found = rights.find(peer);
      return found == rights.end() ? std::nullopt : std::optional(found->second);
    };
    return made;
  }
  void review() {
    for (WorkerEvent& event : wire.table.review_rights()) {
      wire.at_table.push_back(std::move(event));
    }
    wire.run(1s);
  }
  std::string end_of(const std::string& name) {
    const auto over = only<SessionOver>(wire.at_worker[name]);
    return over.empty() || !over.back().error ? "" : over.back().error->what();
  }

  Listed rights;
  Wire wire{options()};
};

TEST(WorkerTableRights, AKeyNarrowsWhatItsWorkerIs) {
  KeyedWire world(Listed{{"w", {"node1", {"scorer"}}}});
  world.wire.add_worker("w", 1);
  world.wire.run(1s);
  const auto joined = only<WorkerJoined>(world.wire.at_table).at(0);
  EXPECT_THAT(joined.roles, ElementsAre("scorer"));
  EXPECT_THAT(joined.withheld, ElementsAre("generator"));
  EXPECT_EQ(joined.key, "node1");
  EXPECT_THAT(only<JobOffered>(world.wire.at_worker["w"]).at(0).welcome.roles,
              ElementsAre("scorer"));
  const WorkerReady ready = only<WorkerReady>(world.wire.at_table).at(0);
  EXPECT_GT(ready.credits, 0U);
  EXPECT_EQ(ready.prompt_credits, 0U) << "of a role that its key lacks";
}

TEST(WorkerTableRights, AKeyThatAllowsNothingOfUseRefusesItsWorkerByName) {
  KeyedWire world(Listed{{"w", {"node1", {"learner-rank"}}}});
  world.wire.add_worker("w", 1);
  world.wire.run(1s);
  EXPECT_THAT(only<WorkerJoined>(world.wire.at_table), IsEmpty());
  const auto refused = only<WorkerRefused>(world.wire.at_table);
  ASSERT_FALSE(refused.empty());
  EXPECT_THAT(refused[0].reason, AllOf(HasSubstr("worker w "), HasSubstr("key node1 may only be a "
                                                                         "learner-rank")));
  EXPECT_EQ(world.end_of("w"), refused[0].reason);
}

TEST(WorkerTableRights, ARemovedKeyCostsItsWorkerTheSessionAndEveryOtherOne) {
  KeyedWire world(Listed{{"w", {"node1"}}, {"v", {"node2"}}});
  world.wire.add_worker("w", 1);
  world.wire.run(1s);
  const WorkerId worker = world.wire.ready_worker();
  ASSERT_TRUE(world.wire.table.assign(worker, 7, 0, TileTask{0, {{{1}}}}, world.wire.now));
  world.wire.run(1s);
  world.rights.erase("w");
  world.review();
  const auto lost = only<WorkerLost>(world.wire.at_table);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].worker, worker);
  EXPECT_THAT(lost[0].tasks, ElementsAre(7));
  EXPECT_THAT(world.end_of("w"), HasSubstr("worker w is not on the job's list"));
  world.wire.add_worker("w", 2);
  world.wire.run(1s);
  EXPECT_EQ(only<WorkerJoined>(world.wire.at_table).size(), 1U) << "it must not come back";
  world.wire.add_worker("v", 3);
  world.wire.run(1s);
  EXPECT_EQ(only<WorkerJoined>(world.wire.at_table).size(), 2U);
}

TEST(WorkerTableRights, ARefusalThatIsLostIsSaidAgain) {
  KeyedWire world(Listed{{"w", {"node1"}}});
  world.wire.add_worker("w", 1);
  world.wire.run(1s);
  world.rights.erase("w");
  world.wire.faults = [num = 0](const Message& message) mutable {
    return message.envelope.kind == MessageKind::kRefusal && ++num == 1 ? 0 : 1;
  };
  world.review();
  world.wire.run(5s);
  EXPECT_THAT(world.end_of("w"), HasSubstr("is not on the job's list"));
}

TEST(WorkerTableRights, AChangedLineGivesItsWorkerANewSession) {
  KeyedWire world(Listed{{"w", {"node1"}}, {"same", {"node2"}}});
  world.wire.add_worker("w", 1);
  world.wire.add_worker("same", 2);
  world.wire.run(1s);
  world.rights["w"].roles = {"generator"};
  world.review();
  const auto joined = only<WorkerJoined>(world.wire.at_table);
  ASSERT_EQ(joined.size(), 3U) << "nobody else";
  EXPECT_EQ(joined[2].hello.name, "w");
  EXPECT_THAT(joined[2].roles, ElementsAre("generator"));
  EXPECT_EQ(only<WorkerReady>(world.wire.at_table).back().credits, 0U);
}

/// A message that a worker makes up, in its session and in order.
void send_as(WorkerTable& table, const WorkerSession& worker, Message message,
             WorkerTable::Clock::time_point now) {
  message.envelope.job = "0123";
  message.envelope.epoch = 1;
  message.envelope.session = worker.session();
  message.envelope.seq = 2;  // the Hello was 1
  table.receive("w", std::move(message), now);
}

struct Word {
  Message message;
  Roles roles;  ///< any of which may say it; empty: no worker may
};

Message plain(MessageKind kind) {
  Message message;
  message.envelope.kind = kind;
  return message;
}

const Roles kAnybody = all_worker_roles();

/// All kinds there are.
std::vector<Word> all_words() {
  return {{to_message(Hello{}), kAnybody},
          {to_message(Welcome{}), {}},
          {to_message(good_ready()), kAnybody},
          {to_message(TileTask{}), {}},
          {to_message(TileResult{}), {"scorer"}},
          {to_message(Failure{}), {"scorer", "generator"}},
          {plain(MessageKind::kHeartbeat), kAnybody},
          {plain(MessageKind::kDrain), {}},
          {to_message(Goodbye{}), kAnybody},
          {to_message(Refusal{}), {}},
          {to_message(WeightsPiece{}), {}},
          {to_message(Confirm{}), {"generator"}},
          {to_message(Reset{}), {}},
          {to_message(PromptTask{}), {}},
          {to_message(PromptResult{}), {"generator"}},
          {to_message(RankTask{}), {}},
          {to_message(RankEnded{}), {"learner-rank"}}};
}

TEST(WorkerTableRights, EachWordNeedsItsRole) {
  ASSERT_EQ(all_words().size(), static_cast<std::size_t>(MessageKind::kRankEnded));
  for (const std::string& role : kAnybody) {
    for (const Word& word : all_words()) {
      KeyedWire world(Listed{{"w", {"node1", {role}}}});
      WorkerTableOptions options = world.options();
      options.welcome.roles = kAnybody;
      WorkerTable table(options);
      WorkerSessionOptions offers = session_options("w", 1);
      offers.hello.roles = kAnybody;
      WorkerSession worker(offers, {});
      for (const Message& hello : worker.due({})) table.receive("w", hello, {});
      ASSERT_EQ(table.num_workers(), 1U);
      send_as(table, worker, word.message, {});
      const std::string name =
          role + " says " + std::string(message_kind_name(word.message.envelope.kind));
      const bool is_workers_word = !word.roles.empty();
      const bool is_allowed = has_role(word.roles, role);
      EXPECT_EQ(table.num_forbidden(), is_workers_word && !is_allowed ? 1U : 0U) << name;
      // What no worker may say at all costs the session; what its role forbids does not.
      if (!is_workers_word || !is_allowed) {
        EXPECT_EQ(table.num_workers(), is_workers_word ? 1U : 0U) << name;
      }
    }
  }
}

}  // namespace
}  // namespace midpo
