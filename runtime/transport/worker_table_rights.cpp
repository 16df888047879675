// SPDX-License-Identifier: Apache-2.0
// What the key of a worker allows it to be.
#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/transport/worker_admission.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

std::optional<KeyRights> WorkerTable::rights_of(const PeerId& peer) const {
  return options_.rights_of ? options_.rights_of(peer) : KeyRights{};
}

WorkerJoined WorkerTable::introduce(const PeerId& peer, const Hello& hello) const {
  const KeyRights rights = rights_of(peer).value();
  const auto offered = shared_roles(options_.welcome.roles, hello.roles);
  WorkerJoined joined{0, hello, shared_roles(offered, rights.roles), rights.name};
  std::ranges::copy_if(offered, std::back_inserter(joined.withheld),
                       [&](const std::string& role) { return !has_role(joined.roles, role); });
  return joined;
}

std::vector<WorkerEvent> WorkerTable::review_rights() {
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    const auto current = next++;
    const auto& [peer, session] = *current;
    Envelope to;
    to.session = session.id;
    if (const auto reason = objection(peer, session.hello)) {
      reply(peer, to, to_message(Refusal{ErrorCode::kConfig, *reason}));
      end(current, "was refused: " + *reason);
    } else if (introduce(peer, session.hello).roles != session.roles) {
      const std::string change = "what its key allows has changed";
      reply(peer, to, to_message(Reset{change}));
      end(current, change);
    }
  }
  return take_events();
}

}  // namespace midpo
