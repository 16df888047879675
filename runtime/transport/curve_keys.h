// SPDX-License-Identifier: Apache-2.0
// Keys of CURVE, the encryption and authentication of ZeroMQ.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// 64 hex digits, or nothing that is a key.
std::optional<PublicKey> parse_public_key(std::string_view hex);

}  // namespace midpo
