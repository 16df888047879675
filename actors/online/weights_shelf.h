// SPDX-License-Identifier: Apache-2.0
// Published weights by version: a folder each, complete or absent, named by its content.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "models/learner.h"
#include "runtime/core/hash.h"

namespace midpo {

struct PublishedWeights {
  std::uint64_t version = 0;  ///< optimizer steps behind it
  std::string path;
  ContentHash hash;
};

/// Hash of the names and bytes of a folder's files. @throws Error(kStorage).
ContentHash hash_folder(const std::string& path);

/// @throws Error(kStalePolicy) unless the folder still is what was published.
void verify_weights(const PublishedWeights& weights);

class WeightsShelf {
 public:
  /// @throws Error(kStorage).
  explicit WeightsShelf(std::string dir);

  PublishedWeights publish(const Learner& learner, std::uint64_t version) const;

  /// What an earlier process has left, by version.
  std::map<std::uint64_t, PublishedWeights> list() const;

  /// Removes versions before `first`.
  void prune(std::uint64_t first) const;

 private:
  std::string folder_of(std::uint64_t version) const;
  std::map<std::uint64_t, std::string> folders() const;

  std::string dir_;
};

}  // namespace midpo
