// SPDX-License-Identifier: Apache-2.0
// Where midpo::Error meets CAF: the only place in actors/ that catches.
#pragma once

#include <caf/all.hpp>
#include <exception>
#include <string>

#include "actors/actor_threads.h"
#include "runtime/core/error.h"

namespace midpo {

/// The error as an exit reason of an actor; other exceptions become kInternal, bad_alloc
/// kOutOfMemory.
caf::error to_caf_error(const std::exception_ptr& exception);

/// The inverse, for whoever monitors the actor. An exit reason of CAF's own becomes kInternal
/// naming `who`.
Error from_caf_error(const caf::error& reason, const std::string& who);

/// What a system of JobActors (job_actors.h) is configured with.
struct JobActorsConfig : caf::actor_system_config {
  std::shared_ptr<ActorThreads> threads = std::make_shared<ActorThreads>();
};

/// Any exception in a handler ends the actor with to_caf_error() as its reason, instead of escaping
/// into CAF. The thread of a detached actor is counted: its system waits for it.
template <typename ActorPointer>
void install_error_boundary(ActorPointer self) {
  const auto* config = dynamic_cast<const JobActorsConfig*>(&self->system().config());
  if (config != nullptr && self->getf(caf::abstract_actor::is_detached_flag)) {
    ActorThreads::count_this_thread(config->threads);
  }
  self->set_exception_handler(
      [](std::exception_ptr& exception) { return to_caf_error(exception); });
}

}  // namespace midpo
