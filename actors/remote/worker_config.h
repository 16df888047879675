// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/path_map.h"
#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// What a worker process was told at its start.
struct WorkerConfig {
  ClientOptions connection;
  std::string name;                  ///< the same over restarts, another than any other worker's
  std::vector<std::string> roles;    ///< offered: see runtime/transport/worker_roles.h
  std::vector<std::string> devices;  ///< cpu, or cuda:N ...
  std::uint32_t num_lanes = 1;       ///< tasks computed side by side
  bool allow_pickle = false;
  PathMap model_map;
  std::chrono::duration<double> give_up_after{600.0};  ///< without a coordinator
};

}  // namespace midpo
