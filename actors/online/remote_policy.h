// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "actors/online/online_job.h"
#include "runtime/transport/message_bodies.h"

namespace midpo {

/// What a generator of another process must have before it is sent versions of what is trained:
/// the base model, and both experts where their mixture is trained. @throws Error(kStorage).
std::vector<RemoteModel> remote_policy(const OnlineJob& job);

}  // namespace midpo
