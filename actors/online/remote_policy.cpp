// SPDX-License-Identifier: Apache-2.0
#include "actors/online/remote_policy.h"

#include <filesystem>

#include "actors/model_options.h"
#include "actors/published_weights.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {
namespace {

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

RemoteModel expert(std::string_view role, const std::string& path) {
  return {std::string(role), absolute(path), hash_folder(path).hex(), "", ""};
}

}  // namespace

std::vector<RemoteModel> remote_policy(const OnlineJob& job) {
  const ModelInfo& base = job.base->info();
  std::vector<RemoteModel> models{{std::string(model_role::kPolicy), absolute(job.policy.path),
                                   base.content.hex(), std::string(dtype_name(base.dtype)),
                                   base.numerics}};
  if (job.policy.safety_adapter.empty()) return models;
  models.push_back(expert(model_role::kSafetyAdapter, job.policy.safety_adapter));
  models.push_back(expert(model_role::kHelpfulnessAdapter, job.policy.helpfulness_adapter));
  return models;
}

}  // namespace midpo
