// SPDX-License-Identifier: Apache-2.0
// Folders of files that are either complete or absent: models, adapters, exports.
#pragma once

#include <string>

namespace midpo {

/// What to do with a folder that is there already.
enum class ExistingFolder {
  kReplaceOwn,    ///< replace what midpo wrote, refuse a folder that holds any other file
  kAskToReplace,  ///< the same for a command whose --overwrite means kReplace
  kReplace,       ///< replace whatever files it holds; one with folders inside is always refused
};

/// @throws Error(kConfig) if an AtomicFolder of that path would be refused: for asking before hours
/// of work rather than after. A missing or empty folder is always fine.
void require_replaceable(const std::string& path, ExistingFolder existing);

/// Removes a folder such that nobody ever finds a part of it at PATH; one that is not there is
/// fine. What a kill leaves, PATH.midpo-old, is removed by the next call. @throws Error(kStorage).
void remove_folder_atomically(const std::string& path);

/// A folder of plain files under construction beside PATH, published whole: PATH is what it was, or
/// complete. What a kill leaves, PATH.midpo-tmp, is removed by the next writer of PATH. One writer
/// per path at a time. A hidden file `.midpo` lists what midpo wrote, so that a later call can tell
/// its own folders.
class AtomicFolder {
 public:
  /// Makes the parents of PATH, too. @throws Error(kConfig) as require_replaceable(), kStorage.
  AtomicFolder(const std::string& path, ExistingFolder existing);
  ~AtomicFolder();  ///< removes what was not published
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where the folder is under construction.
  const std::string& temporary_path() const { return temporary_path_; }

  /// Where to write the file that will be PATH/name.
  std::string file(const std::string& name) const { return temporary_path_ + "/" + name; }

  /// fsyncs every file and the folder, renames it to PATH, fsyncs the parent. @throws
  /// Error(kStorage); PATH is then what it was before, or complete.
  void publish();

 private:
  std::string path_;
  std::string temporary_path_;
  bool is_published_ = false;
};

}  // namespace midpo
