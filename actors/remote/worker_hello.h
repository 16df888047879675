// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "actors/remote/worker_config.h"
#include "runtime/transport/worker_session.h"

namespace midpo {

/// How this process introduces itself, with numbers from the system's entropy.
WorkerSessionOptions session_options(const WorkerConfig& config);

}  // namespace midpo
