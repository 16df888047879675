// SPDX-License-Identifier: Apache-2.0
// Joining: from a rendezvous to connected c10d process groups.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "runtime/distributed/open_collective.h"

namespace midpo {

/// c10d's own limits, which name nobody, never come before ours.
inline constexpr std::chrono::milliseconds kForever = std::chrono::hours(24 * 365);

/// What a joined rank holds.
struct JoinedGroup {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Store> store_of_signs;  ///< a connection of its own
  c10::intrusive_ptr<c10d::Backend> bytes;         ///< Gloo, between hosts' memories
  c10::intrusive_ptr<c10d::Backend> arrays;        ///< the same, or NCCL
};

/// @throws Error(kTransport) naming the ranks that did not come in time, or what ended.
JoinedGroup join_group(const CollectiveOptions& options);

/// ProcessGroupNCCL out of libmidpo_nccl.so. @throws Error(kDevice) where it is missing.
c10::intrusive_ptr<c10d::Backend> make_nccl_group(const c10::intrusive_ptr<c10d::Store>& store,
                                                  const CollectiveOptions& options);

}  // namespace midpo
