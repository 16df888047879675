// SPDX-License-Identifier: Apache-2.0
// The few POSIX file calls that durability is made of, with interrupted and short writes handled
// and every failure turned into an Error(kStorage) that names path, cause and what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/core/error.h"

namespace midpo {

/// "PATH: cannot ACTION: <errno text>[, N MiB free there]; ADVICE". Reads no global state but the
/// disk's.
Error storage_error(const std::string& path, const std::string& action, int error_number,
                    const std::string& advice = {});

/// Owns a descriptor. Closing at the end ignores errors: who needs durability calls sync first.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void close();

 private:
  int number_ = -1;
};

/// open(2) with O_CLOEXEC and mode 0666 less the umask.
FileDescriptor open_file(const std::string& path, int flags);

/// Writes all bytes at the offset, however many calls that takes.
void write_all_at(const FileDescriptor& file, const std::string& path, std::string_view bytes,
                  std::uint64_t offset, const std::string& advice = {});

/// Reads up to `size` bytes at the offset; 0 at the end of the file.
std::size_t read_some_at(const FileDescriptor& file, const std::string& path, char* bytes,
                         std::size_t size, std::uint64_t offset);

/// All bytes of a small file. @throws Error(kStorage) naming it.
std::string read_whole_file(const std::string& path);

/// fsync (or fdatasync, which also makes a changed size durable).
void sync_file(const FileDescriptor& file, const std::string& path, const std::string& advice = {});
void sync_file_data(const FileDescriptor& file, const std::string& path,
                    const std::string& advice = {});

/// Makes entries created, renamed or removed in the folder that holds PATH durable.
void sync_parent_folder(const std::string& path);

}  // namespace midpo
