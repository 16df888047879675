// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/config/options.h"

namespace midpo {

/// Where this host has what the host of the job has elsewhere.
class PathMap {
 public:
  PathMap() = default;
  /// @param entries  FROM=TO: the job's path, of a model or a folder above it, and this host's.
  /// @throws Error(kConfig) naming the entry.
  explicit PathMap(const std::vector<std::string>& entries);

  /// By the longest FROM that the path is, or is in; else the path itself.
  std::string local(const std::string& path) const;

  /// As they were given.
  std::vector<std::string> entries() const;

 private:
  std::vector<std::pair<std::string, std::string>> mappings_;
};

void add_path_map_option(OptionTable& table, std::vector<std::string>& entries);

}  // namespace midpo
