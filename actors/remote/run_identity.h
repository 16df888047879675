// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace midpo {

/// What names a run between processes: a random id, kept, and the number of its start. A worker
/// obeys the newest start it has heard of.
struct RunIdentity {
  std::string job;  ///< 32 hex digits
  std::uint64_t epoch = 0;
};

/// The identity of the start that begins now, durable in DIR/identity. The caller holds the run
/// folder's lock. @throws Error(kStorage).
RunIdentity next_identity(const std::string& run_dir);

}  // namespace midpo
