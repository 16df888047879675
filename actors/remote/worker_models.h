// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/published_weights.h"
#include "actors/remote/worker_config.h"
#include "models/engines.h"
#include "models/generator.h"
#include "runtime/transport/message_bodies.h"

namespace midpo {

/// The models of a job as this worker holds them: those of its roles.
struct WorkerModels {
  std::vector<RemoteModel> wanted;
  std::vector<std::string> roles;
  std::vector<Ready::Loaded> loaded;                                 ///< [model]
  std::vector<std::vector<std::shared_ptr<const Scorer>>> replicas;  ///< [model][device]
  std::vector<std::shared_ptr<const GenerationModel>> policy;        ///< [device], as it began
};

/// The policy with a version of its weights.
struct PolicyVersion {
  std::uint64_t version = 0;
  std::string content;                                           ///< of the weights
  std::vector<std::shared_ptr<const GenerationModel>> replicas;  ///< [device]
};

/// Loads the models of these roles and compares each with what the job wants.
/// @throws Error kCheckpoint naming both hashes, kConfig naming both numerics, or a path that is
/// not here, kDevice, kOutOfMemory.
std::shared_ptr<const WorkerModels> load_models(const WorkerConfig& config,
                                                const EngineFactory& engines,
                                                const std::vector<RemoteModel>& wanted,
                                                const std::vector<std::string>& roles);

/// Loads a version that has arrived in `folder`, beside what is loaded: the base's weights are
/// shared. @throws Error kStalePolicy if the folder is not what was published, kCheckpoint,
/// kOutOfMemory.
std::shared_ptr<const PolicyVersion> load_version(const WorkerConfig& config,
                                                  const EngineFactory& engines,
                                                  const WorkerModels& models,
                                                  const PublishedWeights& weights);

}  // namespace midpo
