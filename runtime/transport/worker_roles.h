// SPDX-License-Identifier: Apache-2.0
// What a worker can be to a job.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

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

/// The worker's role that a model is for.
inline std::string_view worker_role_for(std::string_view model) {
  const bool writes = model == model_role::kPolicy || model == model_role::kSafetyAdapter ||
                      model == model_role::kHelpfulnessAdapter;
  return writes ? worker_role::kGenerator : worker_role::kScorer;
}

}  // namespace midpo
