// SPDX-License-Identifier: Apache-2.0
// A job's list of keys, between its file, its socket and its table of workers.
#pragma once

#include <functional>
#include <optional>

#include "runtime/transport/endpoint_options.h"
#include "runtime/transport/worker_table.h"

namespace midpo {

/// What WorkerTableOptions wants: looks into the list as it is then. Null where no keys are asked
/// for.
std::function<std::optional<KeyRights>(const PeerId&)> rights_in(const ServerOptions& server);

/// Says in the log what a worker wanted to be and its key does not allow.
void log_withheld(const WorkerJoined& joined);

/// Reads the list again, as SIGHUP asks. A file that cannot be used leaves the list as it was.
/// Either is said in the log. @return whether there may be something to review.
bool reload_keys(const ServerOptions& server);

}  // namespace midpo
