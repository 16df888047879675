// SPDX-License-Identifier: Apache-2.0
#include "actors/job_actors.h"

#include <gtest/gtest.h>

namespace midpo {
namespace {

// The system waited for ever for threads that waited for its clock, at one end in some dozens.
TEST(JobActors, EndWithManyActorsOfTheirOwnThreads) {
  for (int round = 0; round < 10; ++round) {
    JobActors actors;
    std::vector<caf::actor> many;
    for (int i = 0; i < 500; ++i) {
      many.push_back(actors.system.spawn<caf::detached>([](caf::event_based_actor* self) {
        install_error_boundary(self);
        return caf::behavior{[self](int) { self->quit(); }};
      }));
    }
    for (const caf::actor& actor : many) caf::anon_send(actor, 1);
  }
}

}  // namespace
}  // namespace midpo
