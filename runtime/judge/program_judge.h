// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "runtime/judge/verdict.h"

namespace midpo {

/// Asks an external program: it reads one {"prompt": ..., "response": ...} a line and writes, in
/// the same order, one JSON object a line; numbers and booleans in it count, `kind` is a text, the
/// rest is ignored.
/// @throws Error(kTransport) as run_filter; Error(kData) naming the line for an answer that is not
///   an object or has no number in it, and if there are more or fewer answers than responses.
std::vector<Verdict> ask_program(const std::string& command,
                                 std::span<const JudgedResponse> responses,
                                 std::chrono::milliseconds deadline);

}  // namespace midpo
