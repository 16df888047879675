// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/key_list.h"

#include "runtime/core/error.h"
#include "runtime/observe/log.h"
#include "runtime/transport/peer_name.h"

namespace midpo {

std::function<std::optional<KeyRights>(const PeerId&)> rights_in(const ServerOptions& server) {
  if (!server.keys) return nullptr;
  return [allowed = server.allowed](const PeerId& peer) -> std::optional<KeyRights> {
    const auto key = key_of_peer(peer);
    return key ? allowed->find(*key) : std::nullopt;
  };
}

void log_withheld(const WorkerJoined& joined) {
  if (joined.withheld.empty()) return;
  log::warn(
      "roles_withheld",
      {{"worker", joined.hello.name}, {"key", joined.key}, {"roles", role_list(joined.withheld)}});
}

bool reload_keys(const ServerOptions& server) {
  if (!server.keys) {
    log::warn("keys_not_reloaded", {{"reason", "this job listens without keys"}});
    return false;
  }
  try {
    const auto num_keys = static_cast<std::uint64_t>(server.allowed->reload());
    log::info("keys_reloaded", {{"path", server.allowed->path()}, {"keys", num_keys}});
    return true;
  } catch (const Error& error) {
    log::error("keys_not_reloaded", {{"reason", error.what()}, {"in_force", "the former list"}});
    return false;
  }
}

}  // namespace midpo
