// SPDX-License-Identifier: Apache-2.0
// The options with which a job takes workers of other processes.
#pragma once

#include <memory>
#include <string>

#include "actors/remote/remote_job.h"
#include "runtime/config/options.h"

namespace midpo {

struct RemoteConfig {
  std::string listen;  ///< empty: no workers
  std::string listen_key, allowed_keys;
  bool insecure_plaintext = false;
  double wait_for_workers = 600.0;
};

void add_remote_options(OptionTable& table, RemoteConfig& config);

/// Null without --listen. @throws Error(kConfig) for an address that may not be bound, or keys that
/// cannot be used.
std::shared_ptr<RemoteJob> make_remote_job(const RemoteConfig& config);

/// As a run begins, in its locked folder: its id, and one epoch more.
void identify(RemoteJob& remote, const std::string& run_dir);

}  // namespace midpo
