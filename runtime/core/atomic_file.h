// SPDX-License-Identifier: Apache-2.0
// Files that are either complete or absent, and outputs that grow and survive a crash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/core/posix_file.h"

namespace midpo {

/// A file under construction at PATH.tmp, published whole: PATH is what it was, or complete. A
/// PATH.tmp left by a kill is harmless: the next writer overwrites it. One writer per path at a
/// time. Every call throws Error(kStorage) naming path and cause; PATH is then what it was before
/// (after a failed fsync of the folder: the old or the new content, each complete).
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();  ///< removes PATH.tmp unless it was published
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(std::string_view bytes);  ///< unbuffered
  void publish();                       ///< fsync, rename to PATH, fsync the folder

 private:
  std::string path_;
  std::string temporary_path_;
  std::uint64_t written_bytes_ = 0;
  FileDescriptor file_;
};

/// The same for content that is at hand.
void write_file_atomically(const std::string& path, std::string_view bytes);

/// Creates a folder and its parents, durably; one that exists is left alone.
/// @throws Error(kStorage).
void make_directories(const std::string& path);

/// An output under construction at PATH.partial: appended to, made durable at checkpoints,
/// published at the end. Owned by one thread. The caller remembers the last durable size (in the
/// run store) and passes it in when the run continues.
///
/// Any failed write or fsync ends this object's life: later calls throw, since after a failed
/// fsync the kernel may have dropped the bytes while a second fsync would report success. The
/// durable bytes stay; a new GrowingFile continues from them.
class GrowingFile {
 public:
  /// Opens PATH.partial and cuts it to durable_bytes (a fresh file: 0). If publishing was
  /// interrupted, PATH may already stand in place of PATH.partial with exactly durable_bytes, not
  /// zero: then the file counts as published. (An empty PATH cannot be told from one the user
  /// made beforehand; it is written again.)
  /// @throws Error(kStorage) if fewer than durable_bytes are there, or if PATH is no regular file.
  GrowingFile(std::string path, std::uint64_t durable_bytes);
  ~GrowingFile();  ///< what was not made durable is dropped
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  void append(std::string_view bytes);  ///< buffered; @throws Error(kInternal) once published
  std::uint64_t make_durable();         ///< flush + fdatasync; returns the durable size
  void publish();  ///< make_durable, rename to PATH, fsync the folder; idempotent

  const std::string& path() const { return path_; }
  bool is_published() const { return is_published_; }

 private:
  void flush();
  void check_usable() const;
  std::string advice() const;
  void open_partial(std::uint64_t found_bytes);

  std::string path_;
  std::string partial_path_;
  std::string buffer_;
  std::uint64_t written_bytes_ = 0;  ///< handed to the kernel
  std::uint64_t durable_bytes_ = 0;  ///< known to be on the disk
  FileDescriptor file_;
  bool is_published_ = false;
  bool has_failed_ = false;
};

}  // namespace midpo
