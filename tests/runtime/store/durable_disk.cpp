// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/store/durable_disk.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "tests/support/temporary_folder.h"

namespace midpo::testing {
namespace {

constexpr std::size_t kSectorBytes = 512;  // what a disk writes whole
constexpr std::size_t kPageBytes = 4096;   // what the kernel keeps whole

ino_t inode_of(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

std::string mixture(const std::string& old_bytes, const std::string& new_bytes,
                    std::minstd_rand& random) {
  std::bernoulli_distribution is_new;
  std::string mixed(is_new(random) ? new_bytes.size() : old_bytes.size(), '\0');
  for (std::size_t at = 0; at < mixed.size(); at += kSectorBytes) {
    const std::string& source = is_new(random) ? new_bytes : old_bytes;
    if (at >= source.size()) continue;
    const std::size_t size = std::min({kSectorBytes, source.size() - at, mixed.size() - at});
    std::copy_n(source.data() + at, size, mixed.data() + at);
  }
  return mixed;
}

}  // namespace

DurableDisk::DurableDisk(std::string folder) : folder_(std::move(folder)) {
  names_ = current_names();
  for (const auto& [name, inode] : names_) contents_[inode] = read_file(folder_ + "/" + name);
}

void DurableDisk::note_write(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  std::set<std::uint64_t>& pages = dirty_pages_[inode_of(path)];
  for (std::uint64_t page = offset / kPageBytes; page * kPageBytes < offset + size; ++page) {
    pages.insert(page);
  }
}

void DurableDisk::note_sync(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    names_ = current_names();
    return;
  }
  const std::string current = read_file(path);
  std::string& durable = contents_[inode_of(path)];
  durable.resize(current.size());
  for (const std::uint64_t page : dirty_pages_[inode_of(path)]) {
    const std::size_t at = page * kPageBytes;
    const std::size_t size = std::min(kPageBytes, current.size() - std::min(at, current.size()));
    if (size > 0) durable.replace(at, size, current, at, size);
  }
  dirty_pages_.erase(inode_of(path));
}

void DurableDisk::note_failed_sync(const std::string& path) { dirty_pages_.erase(inode_of(path)); }

DurableDisk::Names DurableDisk::current_names() const {
  Names names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename();
    // Shared memory between processes on one machine: SQLite rebuilds it.
    if (name != "run.db-shm") names[name] = inode_of(entry.path());
  }
  return names;
}

std::string DurableDisk::durable_bytes(ino_t inode) const {
  const auto found = contents_.find(inode);
  return found == contents_.end() ? "" : found->second;
}

std::string DurableDisk::current_bytes(ino_t inode, const Names& names) const {
  for (const auto& [name, other] : names) {
    if (other == inode) return read_file(folder_ + "/" + name);
  }
  return durable_bytes(inode);
}

void DurableDisk::rebuild(PowerCut cut, std::minstd_rand& random, const std::string& target) const {
  std::bernoulli_distribution is_new;
  const Names current = current_names();
  const bool has_new_names =
      cut == PowerCut::kEverything || (cut == PowerCut::kMixture && is_new(random));
  for (const auto& [name, inode] : has_new_names ? current : names_) {
    std::string bytes = durable_bytes(inode);
    const std::string newer = current_bytes(inode, current);
    if (cut == PowerCut::kEverything) bytes = newer;
    if (cut == PowerCut::kMixture) bytes = mixture(bytes, newer, random);
    write_file(target + "/" + name, bytes);
  }
}

}  // namespace midpo::testing
