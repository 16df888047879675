// SPDX-License-Identifier: Apache-2.0
// Opening a group of ranks. No LibTorch header here: the implementation is
// libmidpo_collectives.so, loaded when a group is opened.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/core/collective.h"
#include "runtime/distributed/rank_board.h"
#include "runtime/distributed/rendezvous.h"

namespace midpo {

struct CollectiveOptions {
  int rank = 0;
  int size = 1;
  RendezvousAddress rendezvous;
  int listener = -1;  ///< rank 0: a socket that listens at the rendezvous; the group closes it
  std::string device = "cpu";  ///< cpu: Gloo; cuda:N: NCCL for arrays, Gloo for bytes
  RankLimits limits;
  std::chrono::milliseconds join_limit{120000};  ///< until all ranks have come
  /// What this process knows of the others' ends ("rank 1 (process 17) was killed by signal 9");
  /// empty: nothing. Called from threads that wait.
  std::function<std::string()> watch;
};

/// Joins the group; returns once all ranks have. Traffic is neither encrypted nor authenticated.
/// @throws Error: kDevice where the library is missing, kTransport naming the ranks that did not
/// come.
std::unique_ptr<Collective> open_collective(const CollectiveOptions& options);

}  // namespace midpo
