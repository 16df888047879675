// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

namespace midpo {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr const char* kUnchanged = "the earlier content, if any, is unchanged";

/// Size of a regular file, nullopt if nothing is there; anything else at the path is refused before
/// hours of work end in a rename over it.
std::optional<std::uint64_t> regular_file_bytes(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return std::nullopt;
    throw storage_error(path, "look at it", errno);
  }
  if (!S_ISREG(facts.st_mode)) {
    throw Error(ErrorCode::kStorage,
                path + ": is not a regular file; name a file that midpo may create or replace");
  }
  return static_cast<std::uint64_t>(facts.st_size);
}

void rename_durably(const std::string& from, const std::string& to, const std::string& advice) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw storage_error(to, "rename " + from + " to it", errno, advice);
  }
  sync_parent_folder(to);
}

bool is_directory(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

}  // namespace

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)),
      temporary_path_(path_ + ".tmp"),
      file_(open_file(temporary_path_, O_WRONLY | O_CREAT | O_TRUNC)) {}

AtomicFile::~AtomicFile() {
  if (file_.is_open()) ::unlink(temporary_path_.c_str());
}

void AtomicFile::append(std::string_view bytes) {
  write_all_at(file_, temporary_path_, bytes, written_bytes_, kUnchanged);
  written_bytes_ += bytes.size();
}

void AtomicFile::publish() {
  sync_file(file_, temporary_path_, kUnchanged);
  rename_durably(temporary_path_, path_, kUnchanged);
  file_.close();
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.append(bytes);
  file.publish();
}

void make_directories(const std::string& path) {
  if (path.empty() || is_directory(path)) return;
  const std::string bare = path.substr(0, path.find_last_not_of('/') + 1);
  const std::size_t slash = bare.find_last_of('/');
  if (slash != std::string::npos) make_directories(bare.substr(0, slash));
  if (::mkdir(bare.c_str(), 0777) != 0) {
    // Another process may have made it in between.
    if (errno == EEXIST && is_directory(bare)) return;
    throw storage_error(bare, "create the folder", errno);
  }
  sync_parent_folder(bare);
}

GrowingFile::GrowingFile(std::string path, std::uint64_t durable_bytes)
    : path_(std::move(path)), partial_path_(path_ + ".partial"), durable_bytes_(durable_bytes) {
  const std::optional<std::uint64_t> published_bytes = regular_file_bytes(path_);
  const std::optional<std::uint64_t> partial_bytes = regular_file_bytes(partial_path_);
  if (!partial_bytes && durable_bytes > 0 && published_bytes == durable_bytes) {
    // The kill may have come between the rename and the fsync of the folder.
    sync_parent_folder(path_);
    is_published_ = true;
    return;
  }
  open_partial(partial_bytes.value_or(0));
}

GrowingFile::~GrowingFile() = default;

void GrowingFile::open_partial(std::uint64_t found_bytes) {
  if (found_bytes < durable_bytes_) {
    throw Error(ErrorCode::kStorage, partial_path_ + ": holds " + std::to_string(found_bytes) +
                                         " bytes, the run recorded " +
                                         std::to_string(durable_bytes_) +
                                         "; restore the file, or start the run anew");
  }
  file_ = open_file(partial_path_, O_RDWR | O_CREAT);
  if (::ftruncate(file_.get(), static_cast<off_t>(durable_bytes_)) != 0) {
    throw storage_error(partial_path_, "cut to its durable size", errno);
  }
  sync_parent_folder(partial_path_);
  written_bytes_ = durable_bytes_;
}

std::string GrowingFile::advice() const {
  return "its first " + std::to_string(durable_bytes_) +
         " bytes are safe; free space or mend the disk, then continue the run";
}

void GrowingFile::check_usable() const {
  if (!has_failed_) return;
  throw Error(ErrorCode::kStorage,
              partial_path_ + ": an earlier write or fsync failed; " + advice());
}

void GrowingFile::append(std::string_view bytes) {
  check_usable();
  require(!is_published_, ErrorCode::kInternal, path_ + ": appended to after it was published");
  buffer_ += bytes;
  if (buffer_.size() >= kBufferBytes) flush();
}

void GrowingFile::flush() {
  has_failed_ = true;  // until proven otherwise: any throw below leaves the object unusable
  write_all_at(file_, partial_path_, buffer_, written_bytes_, advice());
  written_bytes_ += buffer_.size();
  buffer_.clear();
  has_failed_ = false;
}

std::uint64_t GrowingFile::make_durable() {
  check_usable();
  if (is_published_) return durable_bytes_;
  flush();
  if (written_bytes_ == durable_bytes_) return durable_bytes_;
  has_failed_ = true;
  sync_file_data(file_, partial_path_, advice());
  has_failed_ = false;
  durable_bytes_ = written_bytes_;
  return durable_bytes_;
}

void GrowingFile::publish() {
  if (is_published_) return;
  make_durable();
  has_failed_ = true;
  rename_durably(partial_path_, path_, advice());
  has_failed_ = false;
  is_published_ = true;
  file_.close();
}

}  // namespace midpo
