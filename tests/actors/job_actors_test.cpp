// SPDX-License-Identifier: Apache-2.0
#include "actors/job_actors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <system_error>

#include "actors/company.h"

namespace midpo {
namespace {

// The system waited for ever for threads that waited for its clock, at one end in some dozens.
TEST(JobActors, EndWithManyActorsOfTheirOwnThreads) {
  for (int round = 0; round < 10; ++round) {
    JobActors actors;
    std::vector<caf::actor> many;
    for (int i = 0; i < 500; ++i) {
      // CAF 0.17 dereferences a null pointer for a function without an argument.
      const auto body = [](caf::event_based_actor* self, int) {
        install_error_boundary(self);
        return caf::behavior{[self](int) { self->quit(); }};
      };
      many.push_back(actors.system.spawn<caf::detached>(body, i));
    }
    for (const caf::actor& actor : many) caf::anon_send(actor, 1);
  }
}

struct CoordinatorState {
  std::unique_ptr<Company> company;
};

// Members that are known to somebody: CAF ends what nobody knows by itself.
TEST(JobActors, EndWithACoordinatorThatFails) {
  const auto member = [](caf::event_based_actor* self, int) {
    install_error_boundary(self);
    return caf::behavior{[me = caf::actor(self)](int) {}};
  };
  const auto body = [member](caf::stateful_actor<CoordinatorState>* self, int) {
    install_error_boundary(self);
    self->state.company = std::make_unique<Company>(self, 1);
    const caf::actor first = self->spawn<caf::detached>(member, 0);
    const caf::actor second = self->spawn(member, 0);
    self->state.company->join(first, "first", 0);
    self->state.company->join(second, "second", 0);
    return caf::behavior{[](int) { throw Error(ErrorCode::kStorage, "the disk is full"); }};
  };
  JobActors actors;
  caf::scoped_actor listener(actors.system);
  const auto coordinator = actors.system.spawn(body, 0);
  listener->monitor(coordinator);
  caf::anon_send(coordinator, 1);
  listener->receive([](const caf::down_msg& down) {
    EXPECT_STREQ(from_caf_error(down.reason, "coordinator").what(), "the disk is full");
  });
}

// As CAF does when the system has no more threads.
TEST(JobActors, NameAThreadThatCannotBeStarted) {
  const auto body = [](caf::event_based_actor* self, int) {
    install_error_boundary(self);
    return caf::behavior{[](int) {
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    }};
  };
  JobActors actors;
  caf::scoped_actor listener(actors.system);
  const auto actor = listener->spawn<caf::monitored>(body, 0);
  caf::anon_send(actor, 1);
  listener->receive([](const caf::down_msg& down) {
    const Error error = from_caf_error(down.reason, "actor");
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(error.what(), testing::HasSubstr("thread cannot be started"));
  });
}

TEST(JobActors, DoNotWaitForOneThatNeverEnds) {
  const auto body = [](caf::event_based_actor* self, int) {
    return caf::behavior{[me = caf::actor(self)](int) {}};
  };
  JobActors actors(2, std::chrono::milliseconds(20));
  actors.system.spawn(body, 0);
}

}  // namespace
}  // namespace midpo
