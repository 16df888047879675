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

}  // namespace
}  // namespace midpo
