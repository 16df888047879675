// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/posix_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace midpo {
namespace {

std::string parent_folder(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// What a user whose disk or quota is full wants to know first.
std::string free_space_hint(const std::string& path, int error_number) {
  if (error_number != ENOSPC && error_number != EDQUOT) return {};
  struct statvfs disk {};
  if (::statvfs(parent_folder(path).c_str(), &disk) != 0) return {};
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return ", " + std::to_string(free_bytes >> 20) + " MiB free there";
}

void sync_with(int (*sync)(int), const FileDescriptor& file, const std::string& path,
               const std::string& advice) {
  int result = 0;
  do {
    result = sync(file.get());
  } while (result != 0 && errno == EINTR);
  if (result != 0) throw storage_error(path, "make durable (fsync)", errno, advice);
}

}  // namespace

Error storage_error(const std::string& path, const std::string& action, int error_number,
                    const std::string& advice) {
  std::string text = path + ": cannot " + action + ": " +
                     std::generic_category().message(error_number) +
                     free_space_hint(path, error_number);
  if (!advice.empty()) text += "; " + advice;
  return Error(ErrorCode::kStorage, text);
}

FileDescriptor::~FileDescriptor() { close(); }

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

void FileDescriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

FileDescriptor open_file(const std::string& path, int flags) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (number < 0 && errno == EINTR);
  if (number < 0) throw storage_error(path, "open", errno);
  return FileDescriptor(number);
}

void write_all_at(const FileDescriptor& file, const std::string& path, std::string_view bytes,
                  std::uint64_t offset, const std::string& advice) {
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    // A device that accepts nothing and reports no error must not make this loop endless.
    if (written <= 0) throw storage_error(path, "write", written < 0 ? errno : EIO, advice);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

std::size_t read_some_at(const FileDescriptor& file, const std::string& path, char* bytes,
                         std::size_t size, std::uint64_t offset) {
  ssize_t result = 0;
  do {
    result = ::pread(file.get(), bytes, size, static_cast<off_t>(offset));
  } while (result < 0 && errno == EINTR);
  if (result < 0) throw storage_error(path, "read", errno);
  return static_cast<std::size_t>(result);
}

std::string read_whole_file(const std::string& path) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  std::string bytes;
  for (std::size_t got = 1; got > 0;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + (std::size_t{1} << 16));
    got = read_some_at(file, path, bytes.data() + size, bytes.size() - size, size);
    bytes.resize(size + got);
  }
  return bytes;
}

void sync_file(const FileDescriptor& file, const std::string& path, const std::string& advice) {
  sync_with(&::fsync, file, path, advice);
}

void sync_file_data(const FileDescriptor& file, const std::string& path,
                    const std::string& advice) {
  sync_with(&::fdatasync, file, path, advice);
}

void sync_parent_folder(const std::string& path) {
  const std::string folder = parent_folder(path);
  sync_file(open_file(folder, O_RDONLY | O_DIRECTORY), folder);
}

}  // namespace midpo
