// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "actors/remote/worker_messages.h"

namespace midpo {

/// Computes tasks, one after another: what a scorer is to a local job. A task that fails is
/// answered, never dropped. Detached: it owns the thread it computes on.
LaneActor::behavior_type lane_actor(LaneActor::pointer self, std::uint32_t lane,
                                    WorkerActor worker);

/// Loads models, which takes long: the worker goes on answering meanwhile. Detached.
LoaderActor::behavior_type loader_actor(LoaderActor::pointer self, const WorkerConfig& config,
                                        const EngineFactory* engines, WorkerActor worker);

}  // namespace midpo
