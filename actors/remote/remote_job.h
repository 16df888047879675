// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/transport/endpoint_options.h"
#include "runtime/transport/message_bodies.h"

namespace midpo {

/// Of workers that may join: rows are read ahead for so many.
constexpr std::uint32_t kExpectedLanes = 64;

/// How workers of other processes join a job.
struct RemoteJob {
  ServerOptions server;
  std::string id;  ///< of the run folder: names the job on the wire
  std::uint64_t epoch = 1;
  /// What generators of other processes need; empty: the job has no work for them.
  std::vector<RemoteModel> policy;
  bool has_ranks = false;  ///< some of its workers may be ranks of its learners
  std::chrono::duration<double> wait_limit{600.0};  ///< without any scorer at all
};

}  // namespace midpo
