// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace midpo {

/// 128 bits that name content (XXH3-128): cache keys, model identities. Not for security.
struct ContentHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  /// 32 lower-case hex digits, high half first.
  std::string hex() const;
  /// What hex() says. @throws Error(kData) for anything else.
  static ContentHash from_hex(std::string_view text);

  auto operator<=>(const ContentHash&) const = default;
};

ContentHash content_hash(const void* data, std::size_t size_bytes);
inline ContentHash content_hash(std::string_view bytes) {
  return content_hash(bytes.data(), bytes.size());
}

/// The same hash over a stream of pieces.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  ContentHasher(ContentHasher&&) noexcept;
  ContentHasher& operator=(ContentHasher&&) noexcept;

  void update(const void* data, std::size_t size_bytes);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  ContentHash digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 over a stream of pieces: the digests that manifests print.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(const void* data, std::size_t size_bytes);
  /// 64 lower-case hex digits of all bytes so far; the object is spent afterwards.
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// SHA-256 of a file, read in pieces. Throws Error(kStorage) when it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace midpo
