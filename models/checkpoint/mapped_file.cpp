// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "models/checkpoint/checkpoint_error.h"

namespace midpo {
namespace {

std::string kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

void require_regular(const std::string& path, const struct stat& info) {
  if (!S_ISREG(info.st_mode)) {
    refuse_checkpoint(path, "is " + kind_of_file(info.st_mode) + ", wanted a regular file");
  }
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    refuse_checkpoint(quote_name(path), "a path cannot hold a NUL byte");
  }
  struct stat info {};
  // Opening a device or FIFO can have effects or block: look before opening, then again after.
  if (::stat(path.c_str(), &info) != 0) {
    refuse_checkpoint(path, std::string("cannot open: ") + std::strerror(errno));
  }
  require_regular(path, info);
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor_ < 0) {
    refuse_checkpoint(path, std::string("cannot open: ") + std::strerror(errno));
  }
  try {
    if (::fstat(descriptor_, &info) != 0) refuse_checkpoint(path, std::strerror(errno));
    require_regular(path, info);
    modified_at_ = info.st_mtim;
    size_bytes_ = static_cast<std::size_t>(info.st_size);
    if (size_bytes_ == 0) return;
    void* const mapping = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (mapping == MAP_FAILED) {
      refuse_checkpoint(path, std::string("cannot map into memory: ") + std::strerror(errno));
    }
    data_ = static_cast<const std::byte*>(mapping);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_bytes_);
  ::close(descriptor_);
}

void MappedFile::release(std::span<const std::byte> part) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + part.size()) / page * page;
  // Best effort: memory that stays is no error.
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

void MappedFile::check_unchanged() const {
  struct stat info {};
  if (::fstat(descriptor_, &info) != 0) refuse_checkpoint(path_, std::strerror(errno));
  const auto size_now = static_cast<std::size_t>(info.st_size);
  if (size_now != size_bytes_) {
    refuse_checkpoint(path_, "changed while it was read: had " + std::to_string(size_bytes_) +
                                 " bytes, now " + std::to_string(size_now) +
                                 "; wait until it is written, then start again");
  }
  if (info.st_mtim.tv_sec != modified_at_.tv_sec || info.st_mtim.tv_nsec != modified_at_.tv_nsec) {
    refuse_checkpoint(path_,
                      "was written to while it was read; wait until it is complete, then "
                      "start again");
  }
}

bool is_plain_file_name(std::string_view name) {
  constexpr std::size_t kLongestName = 255;
  if (name.empty() || name.size() > kLongestName || name == "." || name == "..") return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || c == '/' || c == '\\') return false;
  }
  return true;
}

void refuse_lfs_pointer(const std::string& path, std::span<const std::byte> bytes) {
  constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";
  if (bytes.size() >= kStart.size() &&
      std::memcmp(bytes.data(), kStart.data(), kStart.size()) == 0) {
    refuse_checkpoint(path, "is a Git LFS pointer, not the weights: run git lfs pull");
  }
}

}  // namespace midpo
