// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/core/posix_file.h"

namespace midpo {

/// Holds DIR/lock for this process: flock(2), with the pid inside for people. The kernel drops the
/// lock when its holder dies, so a file left by a kill is simply taken over.
class RunLock {
 public:
  /// @throws Error(kConfig) naming the pid if another holder is alive, kStorage if the file cannot
  /// be written.
  explicit RunLock(const std::string& run_dir);

 private:
  FileDescriptor file_;
};

}  // namespace midpo
