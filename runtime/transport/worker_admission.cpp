// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_admission.h"

#include <algorithm>
#include <iterator>

namespace midpo {
namespace {

std::string list(const std::vector<std::string>& roles) {
  std::string text;
  for (const std::string& role : roles) text += (text.empty() ? "" : " or ") + role;
  return text.empty() ? "nothing" : text;
}

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

std::vector<std::string> shared_roles(const Hello& hello, const std::vector<std::string>& roles) {
  std::vector<std::string> shared;
  std::ranges::copy_if(roles, std::back_inserter(shared),
                       [&](const std::string& role) { return has_role(hello.roles, role); });
  return shared;
}

std::optional<std::string> objection_to(const Hello& hello, const std::vector<std::string>& roles) {
  if (!shared_roles(hello, roles).empty()) return std::nullopt;
  return "the job has work for a " + list(roles) + ", and worker " + hello.name +
         " offers to be a " + list(hello.roles) + "; give it other --roles";
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
