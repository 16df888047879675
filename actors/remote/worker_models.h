// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/remote/worker_config.h"
#include "models/engines.h"
#include "runtime/transport/message_bodies.h"

namespace midpo {

/// The models of a job as this worker holds them.
struct WorkerModels {
  std::vector<RemoteModel> wanted;
  std::vector<std::vector<std::shared_ptr<const Scorer>>> replicas;  ///< [model][device]
};

/// Where a model of the coordinator's is on this host: the longest entry of the map that the path
/// begins with decides.
std::string local_path(const WorkerConfig& config, const std::string& path);

/// Loads the models and compares each with what the job wants.
/// @throws Error kCheckpoint naming both hashes, kConfig naming both numerics, or a path that is
/// not here, kDevice, kOutOfMemory.
std::shared_ptr<const WorkerModels> load_models(const WorkerConfig& config,
                                                const EngineFactory& engines,
                                                const std::vector<RemoteModel>& wanted);

}  // namespace midpo
