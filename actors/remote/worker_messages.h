// SPDX-License-Identifier: Apache-2.0
// How the parts of a worker process talk.
//
//   coordinator ==kTask==> worker --ComputeTask--> lane --TaskComputed--> worker ==kResult==>
//   worker --LoadModels--> loader --ModelsLoaded--> worker
//   coordinator ==kWeights==> worker --LoadVersion--> loader --VersionLoaded--> worker
//   ==kConfirm==>
#pragma once

#include <atomic>
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
  std::vector<std::string> roles;
};
struct ModelsLoaded {
  std::shared_ptr<const WorkerModels> models;  ///< null: failed
  std::optional<Error> error;
};
/// A version of the policy's weights has arrived in the session.
struct LoadVersion {
  std::uint64_t session = 0;
  std::shared_ptr<const WorkerModels> models;
  PublishedWeights weights;
};
struct VersionLoaded {
  std::uint64_t session = 0;
  std::shared_ptr<const PolicyVersion> version;  ///< null: failed
  std::optional<Error> error;
};
struct ComputeTask {
  std::shared_ptr<const TaskGiven> given;
  std::shared_ptr<const WorkerModels> models;
  std::shared_ptr<const PolicyVersion> policy;       ///< for prompts
  std::shared_ptr<const std::atomic<bool>> is_void;  ///< set: nobody waits for it any more
};
using TaskAnswer = std::variant<TileResult, PromptResult, Failure>;
struct TaskComputed {
  std::uint32_t lane = 0;
  std::shared_ptr<const TaskGiven> given;
  std::shared_ptr<const TaskAnswer> answer;
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
MIDPO_MESSAGE(LoadVersion)
MIDPO_MESSAGE(VersionLoaded)
MIDPO_MESSAGE(ComputeTask)
MIDPO_MESSAGE(TaskComputed)
MIDPO_MESSAGE(WorkerTick)
MIDPO_MESSAGE(WorkerEnded)
#undef MIDPO_MESSAGE

namespace midpo {

using WorkerActor = caf::typed_actor<caf::reacts_to<WireArrived>, caf::reacts_to<WireDelayed>,
                                     caf::reacts_to<WorkerTick>, caf::reacts_to<ModelsLoaded>,
                                     caf::reacts_to<VersionLoaded>, caf::reacts_to<TaskComputed>>;
using LoaderActor =
    caf::typed_actor<caf::reacts_to<LoadModels>, caf::reacts_to<LoadVersion>, caf::reacts_to<Stop>>;
using LaneActor = caf::typed_actor<caf::reacts_to<ComputeTask>, caf::reacts_to<Stop>>;

}  // namespace midpo
