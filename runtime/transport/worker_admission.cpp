// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_admission.h"

#include <algorithm>
#include <iterator>

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

std::vector<std::string> shared_roles(const std::vector<std::string>& wanted,
                                      const std::vector<std::string>& offered) {
  std::vector<std::string> shared;
  std::ranges::copy_if(wanted, std::back_inserter(shared),
                       [&](const std::string& role) { return has_role(offered, role); });
  return shared;
}

std::optional<std::string> objection_to(const Hello& hello, const std::vector<std::string>& roles,
                                        const std::optional<KeyRights>& rights) {
  if (!rights) {
    return "the key of worker " + hello.name +
           " is not on the job's list of allowed keys; add its NAME.pub there";
  }
  const std::vector<std::string> offered = shared_roles(roles, hello.roles);
  if (offered.empty()) {
    return "the job has work for a " + role_list(roles) + ", and worker " + hello.name +
           " offers to be a " + role_list(hello.roles) + "; give it other --roles";
  }
  if (!shared_roles(offered, rights->roles).empty()) return std::nullopt;
  return "worker " + hello.name + " offers to be a " + role_list(offered) + ", and its key " +
         rights->name + " may only be a " + role_list(rights->roles) +
         "; change its line in the job's list of allowed keys, or give the worker other --roles";
}

std::optional<std::string> objection_to(const Ready& ready, const std::vector<std::string>& roles,
                                        const std::vector<RemoteModel>& models, bool allows_mixed) {
  const bool is_idle_scorer = has_role(roles, worker_role::kScorer) && ready.credits == 0;
  const bool is_idle_generator =
      has_role(roles, worker_role::kGenerator) && ready.prompt_credits == 0;
  if (is_idle_scorer || is_idle_generator) return "a worker that takes no tasks";
  if (ready.models.size() != models.size()) {
    return "loaded " + std::to_string(ready.models.size()) + " models, the job has " +
           std::to_string(models.size());
  }
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (!has_role(roles, worker_role_for(models[i].role))) continue;
    if (auto objection = objection_to(ready.models[i], models[i], allows_mixed)) return objection;
  }
  return std::nullopt;
}

}  // namespace midpo
