// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/worker_roles.h"

#include <sstream>

#include "runtime/core/error.h"

namespace midpo {

const std::vector<std::string>& all_worker_roles() {
  static const std::vector<std::string> all{std::string(worker_role::kScorer),
                                            std::string(worker_role::kGenerator),
                                            std::string(worker_role::kRank)};
  return all;
}

std::vector<std::string> parse_worker_roles(const std::string& text, const std::string& place) {
  std::vector<std::string> roles;
  std::istringstream entries(text);
  for (std::string entry; std::getline(entries, entry, ',');) {
    require(has_role(all_worker_roles(), entry) && !has_role(roles, entry), ErrorCode::kConfig,
            place + " is '" + text +
                "', must be some of scorer, generator and learner-rank, each once");
    roles.push_back(entry);
  }
  require(!roles.empty(), ErrorCode::kConfig, place + " is empty: the worker would do nothing");
  return roles;
}

std::string role_list(const std::vector<std::string>& roles) {
  std::string text;
  for (const std::string& role : roles) text += (text.empty() ? "" : " or ") + role;
  return text.empty() ? "nothing" : text;
}

bool may_send(MessageKind kind, const std::vector<std::string>& roles) {
  switch (kind) {
    case MessageKind::kResult:
      return has_role(roles, worker_role::kScorer);
    case MessageKind::kFailure:
      return has_role(roles, worker_role::kScorer) || has_role(roles, worker_role::kGenerator);
    case MessageKind::kResponses:
    case MessageKind::kConfirm:
      return has_role(roles, worker_role::kGenerator);
    case MessageKind::kRankEnded:
      return has_role(roles, worker_role::kRank);
    default:
      return true;
  }
}

}  // namespace midpo
