// SPDX-License-Identifier: Apache-2.0
// Files, folders and refusals for the tests of checkpoint readers.
#pragma once

#include <functional>
#include <string>

#include "tests/models/checkpoint/checkpoint_bytes.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo::test {

/// The text of the Error(kCheckpoint) that `call` throws; fails the test when it throws none.
inline std::string refusal(const std::function<void()>& call) {
  return error_text(ErrorCode::kCheckpoint, call);
}

}  // namespace midpo::test
