// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "actors/published_weights.h"
#include "runtime/core/posix_file.h"

namespace midpo {

/// Versions as they arrive from a coordinator: a folder each, in a folder of this process that goes
/// with it. Not thread-safe.
class WeightsInbox {
 public:
  WeightsInbox() = default;
  ~WeightsInbox();
  WeightsInbox(const WeightsInbox&) = delete;
  WeightsInbox& operator=(const WeightsInbox&) = delete;

  /// A piece that WeightsReceiver has let pass. @return the version, when this was its last: its
  /// hash is what was said of it, to be verified. @throws Error(kStorage).
  std::optional<PublishedWeights> take(const WeightsPiece& piece, bool is_whole);

  /// Removes versions before `first`.
  void forget_before(std::uint64_t first);
  /// Removes all of them: a new session brings its own.
  void clear();

 private:
  void make_dir();
  std::string folder_of(std::uint64_t version);

  std::string dir_;      ///< made when the first piece comes
  FileDescriptor lock_;  ///< of the folder, while this process lives
  FileDescriptor file_;
};

}  // namespace midpo
