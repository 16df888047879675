// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/bridge_welcome.h"

#include "actors/model_options.h"
#include "actors/remote/key_list.h"
#include "actors/remote/remote_job.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {
namespace {

Welcome make_welcome(const ScoringJob& job) {
  Welcome welcome;
  for (const JobModel& model : job.models) {
    const ModelInfo& info = model.replicas.front()->info();
    welcome.models.push_back({std::string(role_name(model.role)), model.path, info.content.hex(),
                              std::string(dtype_name(info.dtype)), info.numerics});
  }
  const auto& policy = job.remote->policy;
  welcome.models.insert(welcome.models.end(), policy.begin(), policy.end());
  welcome.roles = {std::string(worker_role::kScorer)};
  if (!policy.empty()) welcome.roles.emplace_back(worker_role::kGenerator);
  if (job.remote->has_ranks) welcome.roles.emplace_back(worker_role::kRank);
  welcome.task_deadline_ms = static_cast<std::uint32_t>(1000.0 * job.task_deadline_seconds);
  return welcome;
}

}  // namespace

WorkerTableOptions table_options(const ScoringJob& job) {
  WorkerTableOptions options;
  options.job = job.remote->id;
  options.epoch = job.remote->epoch;
  options.welcome = make_welcome(job);
  options.numerics = options.welcome.models.front().numerics;
  options.max_credits = 1024;
  options.rights_of = rights_in(job.remote->server);
  return options;
}

}  // namespace midpo
