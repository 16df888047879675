// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/key_rights.h"
#include "runtime/transport/message_bodies.h"

namespace midpo {

/// Why a worker may not join a job that computes with `numerics` (empty: any), in words; none if it
/// may.
std::optional<std::string> objection_to(const Hello& hello, const std::string& numerics);

/// Those of `wanted` that are offered, too.
std::vector<std::string> shared_roles(const std::vector<std::string>& wanted,
                                      const std::vector<std::string>& offered);

/// Why it may not join a job that has work for these roles: it offers none of them, or none that
/// its key may have. Its other roles are withheld, and the worker joins: a default worker offers
/// all, so that the list alone can say what each host does. @param rights  nothing: the key is not
/// on the list.
std::optional<std::string> objection_to(const Hello& hello, const std::vector<std::string>& roles,
                                        const std::optional<KeyRights>& rights);

/// Why a worker that has loaded the models of its roles may not compute for the job that has these.
std::optional<std::string> objection_to(const Ready& ready, const std::vector<std::string>& roles,
                                        const std::vector<RemoteModel>& models, bool allows_mixed);

}  // namespace midpo
