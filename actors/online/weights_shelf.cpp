// SPDX-License-Identifier: Apache-2.0
#include "actors/online/weights_shelf.h"

#include <charconv>
#include <filesystem>

#include "runtime/core/atomic_file.h"
#include "runtime/core/atomic_folder.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "version-";

}  // namespace

WeightsShelf::WeightsShelf(std::string dir) : dir_(std::move(dir)) { make_directories(dir_); }

std::string WeightsShelf::folder_of(std::uint64_t version) const {
  return dir_ + "/" + std::string(kPrefix) + std::to_string(version);
}

PublishedWeights WeightsShelf::publish(const Learner& learner, std::uint64_t version) const {
  const std::string path = folder_of(version);
  learner.export_weights(path);
  return {version, path, hash_folder(path)};
}

std::map<std::uint64_t, std::string> WeightsShelf::folders() const {
  std::map<std::uint64_t, std::string> all;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir_)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::uint64_t version = 0;
    const char* end = name.data() + name.size();
    const auto [stop, failure] = std::from_chars(name.data() + kPrefix.size(), end, version);
    if (failure == std::errc() && stop == end) all[version] = entry.path().string();
  }
  return all;
}

std::map<std::uint64_t, PublishedWeights> WeightsShelf::list() const {
  std::map<std::uint64_t, PublishedWeights> all;
  for (const auto& [version, path] : folders()) {
    all[version] = {version, path, hash_folder(path)};
  }
  return all;
}

void WeightsShelf::prune(std::uint64_t first) const {
  for (const auto& [version, path] : folders()) {
    if (version < first) remove_folder_atomically(path);
  }
}

}  // namespace midpo
