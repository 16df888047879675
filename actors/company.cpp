// SPDX-License-Identifier: Apache-2.0
#include "actors/company.h"

#include <algorithm>

namespace midpo {

Company::~Company() {
  for (const std::vector<caf::actor>& stage : stages_) {
    for (const caf::actor& actor : stage) {
      if (names_.contains(actor.address())) {
        caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
      }
    }
  }
}

std::optional<std::string> Company::leave(const caf::actor_addr& address) {
  const auto found = names_.find(address);
  if (found == names_.end()) return std::nullopt;
  std::string name = std::move(found->second);
  names_.erase(found);
  return name;
}

void Company::stop(Clock::time_point deadline) {
  if (stopping_stage_) return;
  stopping_stage_ = 0;
  deadline_ = deadline;
  for (const caf::actor& actor : stages_.front()) caf::anon_send(actor, Stop{});
}

bool Company::is_anyone_alive(std::size_t stage) const {
  return std::ranges::any_of(
      stages_[stage], [&](const caf::actor& actor) { return names_.count(actor.address()) == 1; });
}

bool Company::advance_stop() {
  for (; !is_anyone_alive(*stopping_stage_); ++*stopping_stage_) {
    if (*stopping_stage_ + 1 == stages_.size()) return true;
    for (const caf::actor& actor : stages_[*stopping_stage_ + 1]) caf::anon_send(actor, Stop{});
  }
  return false;
}

std::string Company::late(Clock::time_point now) const {
  std::string late;
  if (!stopping_stage_ || now < deadline_) return late;
  for (const auto& [address, name] : names_) late += (late.empty() ? "" : ", ") + name;
  return late;
}

}  // namespace midpo
