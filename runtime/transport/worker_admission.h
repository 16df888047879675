// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/message_bodies.h"
#include "runtime/transport/worker_roles.h"

namespace midpo {

/// Why a worker may not join a job that computes with `numerics` (empty: any), in words; none if it
/// may.
std::optional<std::string> objection_to(const Hello& hello, const std::string& numerics);

/// Why it may not join a job that has work for these roles: it offers none of them.
std::optional<std::string> objection_to(const Hello& hello, const std::vector<std::string>& roles);

/// The roles that the worker offers and the job has work for.
std::vector<std::string> shared_roles(const Hello& hello, const std::vector<std::string>& roles);

/// Why a worker that has loaded the models of its roles may not compute for the job that has these.
std::optional<std::string> objection_to(const Ready& ready, const std::vector<std::string>& roles,
                                        const std::vector<RemoteModel>& models, bool allows_mixed);

}  // namespace midpo
