// SPDX-License-Identifier: Apache-2.0
// How the parts of a worker process talk.
//
//   coordinator ==kTask==> worker --ComputeTask--> lane --TaskComputed--> worker ==kResult==>
//   worker --LoadModels--> loader --ModelsLoaded--> worker
#pragma once

#include <caf/all.hpp>
#include <memory>
#include <optional>
#include <variant>

#include "actors/messages.h"
#include "actors/remote/bridge_messages.h"
#include "actors/remote/worker_models.h"
#include "runtime/transport/worker_session.h"

namespace midpo {

struct LoadModels {
  std::shared_ptr<const std::vector<RemoteModel>> wanted;
};
struct ModelsLoaded {
  std::shared_ptr<const WorkerModels> models;  ///< null: failed
  std::optional<Error> error;
};
struct ComputeTask {
  std::shared_ptr<const TaskGiven> given;
  std::shared_ptr<const WorkerModels> models;
};
struct TaskComputed {
  std::uint32_t lane = 0;
  std::shared_ptr<const TaskGiven> given;
  std::shared_ptr<const std::variant<TileResult, Failure>> answer;
};
struct WorkerTick {};

/// Sent to whoever runs a worker, once, when it has ended.
struct WorkerEnded {
  std::optional<Error> error;
};

}  // namespace midpo

#define MIDPO_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(midpo::type)
MIDPO_MESSAGE(LoadModels)
MIDPO_MESSAGE(ModelsLoaded)
MIDPO_MESSAGE(ComputeTask)
MIDPO_MESSAGE(TaskComputed)
MIDPO_MESSAGE(WorkerTick)
MIDPO_MESSAGE(WorkerEnded)
#undef MIDPO_MESSAGE

namespace midpo {

using WorkerActor = caf::typed_actor<caf::reacts_to<WireArrived>, caf::reacts_to<WireDelayed>,
                                     caf::reacts_to<WorkerTick>, caf::reacts_to<ModelsLoaded>,
                                     caf::reacts_to<TaskComputed>>;
using LoaderActor = caf::typed_actor<caf::reacts_to<LoadModels>, caf::reacts_to<Stop>>;
using LaneActor = caf::typed_actor<caf::reacts_to<ComputeTask>, caf::reacts_to<Stop>>;

}  // namespace midpo
