// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/weights_inbox.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "midpo-worker-";
constexpr std::string_view kVersion = "version-";
constexpr int kMaxTries = 100;

/// The number behind a prefix; none for other names.
std::optional<std::uint64_t> number_in(const fs::path& path, std::string_view prefix) {
  const std::string name = path.filename().string();
  if (!name.starts_with(prefix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stop, failure] = std::from_chars(name.data() + prefix.size(), end, number);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// Held by the process whose folder it is; none if another process holds it or has removed it.
std::optional<FileDescriptor> lock(const std::string& dir) {
  FileDescriptor held(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!held.is_open() || flock(held.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  struct stat locked {};
  struct stat found {};
  const bool is_there = fstat(held.get(), &locked) == 0 && lstat(dir.c_str(), &found) == 0 &&
                        locked.st_dev == found.st_dev && locked.st_ino == found.st_ino;
  return is_there ? std::optional(std::move(held)) : std::nullopt;
}

/// What workers that were killed could not remove.
void remove_orphans(const fs::path& parent) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    // Held until it is gone: its maker may be about to lock it.
    if (const auto held = lock(entry.path().string())) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

WeightsInbox::~WeightsInbox() {
  std::error_code ignored;
  if (!dir_.empty()) fs::remove_all(dir_, ignored);
}

/// A folder of this process's own, which nobody else may read or replace.
void WeightsInbox::make_dir() {
  const fs::path parent = fs::temp_directory_path();
  remove_orphans(parent);
  for (int tried = 0; tried < kMaxTries; ++tried) {
    std::string dir = (parent / (std::string(kPrefix) + "XXXXXX")).string();
    if (mkdtemp(dir.data()) == nullptr) {
      throw storage_error(dir, "make the folder", errno, "set TMPDIR to a folder of yours");
    }
    // Until it is locked, another process that begins takes it for an orphan.
    auto held = lock(dir);
    if (held) {
      lock_ = std::move(*held);
      dir_ = dir;
      return;
    }
    std::error_code ignored;
    fs::remove(dir, ignored);
  }
  throw storage_error(parent.string(), "lock a folder in it", EWOULDBLOCK,
                      "set TMPDIR to a folder of yours");
}

std::string WeightsInbox::folder_of(std::uint64_t version) {
  if (dir_.empty()) make_dir();
  return dir_ + "/" + std::string(kVersion) + std::to_string(version);
}

std::optional<PublishedWeights> WeightsInbox::take(const WeightsPiece& piece, bool is_whole) {
  const std::string folder = folder_of(piece.version);
  const std::string path = folder + "/" + piece.file_name;
  if (piece.offset == 0) {
    std::error_code error;
    if (piece.file == 0) fs::remove_all(folder, error);
    fs::create_directories(folder, error);
    file_ = open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  }
  const auto* bytes = reinterpret_cast<const char*>(piece.bytes.data());
  write_all_at(file_, path, {bytes, piece.bytes.size()}, piece.offset,
               "set TMPDIR to a folder with room for the weights");
  if (!is_whole) return std::nullopt;
  file_.close();
  return PublishedWeights{piece.version, folder, ContentHash::from_hex(piece.content)};
}

void WeightsInbox::forget_before(std::uint64_t first) {
  if (dir_.empty()) return;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir_, ignored)) {
    const auto version = number_in(entry.path(), kVersion);
    if (version && *version < first) fs::remove_all(entry.path(), ignored);
  }
}

void WeightsInbox::clear() { forget_before(UINT64_MAX); }

}  // namespace midpo
