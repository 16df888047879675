// SPDX-License-Identifier: Apache-2.0
// Keys of CURVE, the encryption and authentication of ZeroMQ: who may join a run is a list of
// public keys in a file.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace midpo {

/// 32 bytes; in files and messages 64 hex digits.
struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const;
  auto operator<=>(const PublicKey&) const = default;
};

/// Never printed: it has no text form but the key file's. Wiped when it ends.
class SecretKey {
 public:
  explicit SecretKey(const std::array<std::uint8_t, 32>& bytes) : bytes_(bytes) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  const std::array<std::uint8_t, 32>& bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, 32> bytes_;
};

struct KeyPair {
  PublicKey public_key;
  SecretKey secret_key;
};

KeyPair generate_key_pair();

/// Writes NAME.key (the secret, mode 0600) and NAME.pub ("<64 hex digits> <base of NAME>").
/// @throws Error kConfig if one of them exists, kStorage.
void write_key_files(const KeyPair& pair, const std::string& name);

/// Reads a secret key file; the public half is computed from it. @throws Error(kConfig) if others
/// than its owner may read or write it, or if it holds anything else.
KeyPair read_secret_key(const std::string& path);

/// Reads a .pub file: one key. @throws Error(kConfig) naming file and line.
PublicKey read_public_key(const std::string& path);

/// Public keys and whom they stand for.
class AllowList {
 public:
  AllowList() = default;

  /// Lines as in .pub files (`cat *.pub > FILE` makes one); empty lines and '#' lines are skipped.
  /// @throws Error(kConfig) naming file and line, or if there is no key.
  static AllowList read(const std::string& path);

  void add(const PublicKey& key, const std::string& name) { names_[key] = name; }
  std::optional<std::string> name_of(const PublicKey& key) const;
  std::size_t size() const { return names_.size(); }

 private:
  std::map<PublicKey, std::string> names_;
};

}  // namespace midpo
