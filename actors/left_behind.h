// SPDX-License-Identifier: Apache-2.0
// The end of a process in which a thread is stuck.
#pragma once

#include <memory>

namespace midpo {

/// Keeps what a stuck thread may still use until the process ends: nothing can be destroyed under
/// it, and waiting for it would be for ever.
void leave_behind(std::shared_ptr<const void> things);

/// Ends the process: with destructors, or at once where something was left behind.
[[noreturn]] void end_process(int status);

}  // namespace midpo
