// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace midpo {

/// Runs `command` with /bin/sh, gives it `input` on standard input and returns what it writes to
/// standard output. Its standard error is ours. The program, and all it started, is ended at the
/// deadline.
/// @throws Error(kTransport) if it cannot be started, is not done in time, writes without an end,
///   dies of a signal or ends with a status other than 0, naming the command.
std::string run_filter(const std::string& command, std::string_view input,
                       std::chrono::milliseconds deadline);

}  // namespace midpo
