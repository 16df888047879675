// SPDX-License-Identifier: Apache-2.0
// Published weights by version: a folder each, complete or absent, named by its content.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "actors/published_weights.h"
#include "models/learner.h"

namespace midpo {

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
