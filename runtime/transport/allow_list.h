// SPDX-License-Identifier: Apache-2.0
// Public keys in files: who may join a run, and as what.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/transport/curve_keys.h"
#include "runtime/transport/key_rights.h"

namespace midpo {

/// Reads a .pub file: one key. @throws Error(kConfig) naming file and line.
PublicKey read_public_key(const std::string& path);

/// Public keys, whom they stand for and what those may be.
class AllowList {
 public:
  /// Lines as in .pub files (`cat *.pub > FILE` makes one), with roles behind the name where not
  /// all are allowed: "<64 hex digits> node1 scorer,generator". Empty lines and '#' lines are
  /// skipped. @throws Error(kConfig) naming file, line and key, or if there is no key.
  static AllowList read(const std::string& path);

  /// Nothing for a key that is not listed.
  std::optional<KeyRights> find(const PublicKey& key) const;
  std::size_t size() const { return rights_.size(); }

 private:
  std::map<PublicKey, KeyRights> rights_;
};

/// The list in force, which is read again on request. Thread-safe.
class AllowedKeys {
 public:
  /// @throws Error(kConfig), as AllowList::read().
  explicit AllowedKeys(std::string path) : path_(std::move(path)), list_(AllowList::read(path_)) {}

  /// Reads the file again. @return how many keys it lists. @throws Error(kConfig): the former list
  /// stays.
  std::size_t reload();

  std::optional<KeyRights> find(const PublicKey& key) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  mutable std::mutex mutex_;
  AllowList list_;
};

}  // namespace midpo
