// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "runtime/store/run_store.h"

namespace midpo {

/// A run store for several threads: each call has it alone. A commit makes durable what any thread
/// has added before, so that whoever commits what it added itself may rely on it as ever.
std::shared_ptr<RunStore> share_store(std::shared_ptr<RunStore> store);

}  // namespace midpo
