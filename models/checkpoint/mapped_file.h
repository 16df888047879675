// SPDX-License-Identifier: Apache-2.0
// A regular file mapped read-only, and the rules by which we agree to open one.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace midpo {

/// Owns a read-only mapping of a whole file. Directories, devices, FIFOs and sockets are refused
/// before they are opened; symbolic links are followed, since hub caches consist of them.
///
/// Pages are read when first touched, so a file that another process shortens while we read it
/// raises SIGBUS, as for every mmap reader. check_unchanged() turns the ordinary case (a download
/// or a copy still going on) into an error with a name: readers call it before and after their
/// copy.
class MappedFile {
 public:
  /// @throws Error(kCheckpoint) naming the path and the reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }

  /// Lets go of the whole pages within bytes() that `part` covers; they are read again when
  /// touched.
  static void release(std::span<const std::byte> part);

  /// @throws Error(kCheckpoint) if size or modification time differ from when the file was opened.
  void check_unchanged() const;

 private:
  std::string path_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
  timespec modified_at_{};
};

/// Whether `name` may be joined to a directory: one component, no separator of any system, no "."
/// or
/// "..", no control characters.
bool is_plain_file_name(std::string_view name);

/// The refusal of a Git LFS pointer that lies where weights should, or nothing for other files.
/// @throws Error(kCheckpoint) saying how to fetch the content.
void refuse_lfs_pointer(const std::string& path, std::span<const std::byte> bytes);

}  // namespace midpo
