// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/transport/worker_roles.h"

namespace midpo {

/// Whom a key stands for, and what its owner may be to a job.
struct KeyRights {
  std::string name;  ///< empty: no keys are asked for
  std::vector<std::string> roles = all_worker_roles();

  bool operator==(const KeyRights&) const = default;
};

}  // namespace midpo
