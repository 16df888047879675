// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "runtime/transport/fault_plan.h"

namespace midpo {

/// What MIDPO_TEST_FAULTS asks for: "drop=0.1,doubled=0.1,corrupt=0.05,reordered=0.1,delayed=0.1,
/// seed=7". For chaos tests: what this process sends to other processes is treated as a bad network
/// would. @throws Error(kConfig).
std::optional<FaultPlan> faults_from_environment();

}  // namespace midpo
