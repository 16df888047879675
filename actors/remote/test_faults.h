// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/transport/fault_plan.h"

namespace midpo {

/// What MIDPO_TEST_FAULTS asks for: "drop=0.1,doubled=0.1,corrupt=0.05,reordered=0.1,delayed=0.1,
/// seed=7". For chaos tests: what this process sends to other processes is treated as a bad network
/// would. None without such an entry. @throws Error(kConfig).
std::optional<FaultPlan> faults_from_environment();

/// A prompt, by its row, that ends the process which writes for it, as "poison_prompt=3" in the
/// same variable asks. @throws Error(kConfig).
std::optional<std::uint64_t> poison_prompt_from_environment();

}  // namespace midpo
