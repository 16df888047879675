// SPDX-License-Identifier: Apache-2.0
// What a worker can be to a job.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/transport/envelope.h"

namespace midpo {

namespace worker_role {
constexpr std::string_view kScorer = "scorer";        ///< computes tiles
constexpr std::string_view kGenerator = "generator";  ///< writes responses
constexpr std::string_view kRank = "learner-rank";    ///< starts ranks of a data-parallel learner
}  // namespace worker_role

/// What a RemoteModel of a generator is; every other model is a scorer's.
namespace model_role {
constexpr std::string_view kPolicy = "policy";
constexpr std::string_view kSafetyAdapter = "safety adapter";
constexpr std::string_view kHelpfulnessAdapter = "helpfulness adapter";
}  // namespace model_role

inline bool has_role(const std::vector<std::string>& roles, std::string_view role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

const std::vector<std::string>& all_worker_roles();

/// "scorer,generator" -> one entry each, as they stand. @param place  what the error names.
/// @throws Error(kConfig) for another word, a word twice, or none.
std::vector<std::string> parse_worker_roles(const std::string& text, const std::string& place);

/// "scorer or generator", for messages.
std::string role_list(const std::vector<std::string>& roles);

/// Whether a message of that kind can be a word of a worker that is this to the job. What belongs
/// to no role (hello, ready, heartbeats) and what no worker may send at all pass here.
bool may_send(MessageKind kind, const std::vector<std::string>& roles);

/// The worker's role that a model is for.
inline std::string_view worker_role_for(std::string_view model) {
  const bool writes = model == model_role::kPolicy || model == model_role::kSafetyAdapter ||
                      model == model_role::kHelpfulnessAdapter;
  return writes ? worker_role::kGenerator : worker_role::kScorer;
}

}  // namespace midpo
