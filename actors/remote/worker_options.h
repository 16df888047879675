// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "actors/remote/worker_config.h"
#include "runtime/config/options.h"

namespace midpo {

/// The command line of a worker.
struct WorkerArguments {
  std::string connect, key, server_key, name;
  std::string roles = "scorer,generator,learner-rank";
  std::string device = "cpu";
  std::int64_t threads = 0;
  std::vector<std::string> model_map;
  bool allow_pickle = false;
  bool insecure_plaintext = false;
  double give_up_after = 600.0;
};

void add_worker_options(OptionTable& table, WorkerArguments& arguments);

/// @throws Error(kConfig) for keys, devices or mappings that cannot be used.
WorkerConfig make_worker_config(const WorkerArguments& arguments);

}  // namespace midpo
