// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_admission.h"

namespace midpo {
namespace {

std::optional<std::string> objection_to(const Ready::Loaded& loaded, const RemoteModel& wanted,
                                        bool allows_mixed) {
  if (loaded.content != wanted.content) {
    return "the " + wanted.role + " model has content " + loaded.content + ", the job's has " +
           wanted.content + "; copy the job's model to the worker";
  }
  if (!wanted.numerics.empty() && loaded.numerics != wanted.numerics && !allows_mixed) {
    return "the " + wanted.role + " model computes with " + loaded.numerics + ", the job with " +
           wanted.numerics + "; use the same build and kind of device, or allow mixed workers";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> objection_to(const Hello& hello, const std::string& numerics) {
  if (numerics.empty() || hello.numerics.empty() || hello.numerics == numerics) return std::nullopt;
  return "worker " + hello.name + " computes with " + hello.numerics + ", the job with " +
         numerics +
         ": values would differ; use the same build and kind of device, or allow mixed "
         "workers";
}

std::optional<std::string> objection_to(const Ready& ready, const std::vector<RemoteModel>& models,
                                        bool allows_mixed) {
  if (ready.credits == 0) return "a worker that takes no tasks";
  if (ready.models.size() != models.size()) {
    return "loaded " + std::to_string(ready.models.size()) + " models, the job has " +
           std::to_string(models.size());
  }
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (auto objection = objection_to(ready.models[i], models[i], allows_mixed)) return objection;
  }
  return std::nullopt;
}

}  // namespace midpo
