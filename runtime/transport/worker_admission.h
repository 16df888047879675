// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/message_bodies.h"

namespace midpo {

/// Why a worker may not join a job that computes with `numerics` (empty: any), in words; none if it
/// may.
std::optional<std::string> objection_to(const Hello& hello, const std::string& numerics);

/// Why a worker that has loaded its models may not compute for the job that has these.
std::optional<std::string> objection_to(const Ready& ready, const std::vector<RemoteModel>& models,
                                        bool allows_mixed);

}  // namespace midpo
