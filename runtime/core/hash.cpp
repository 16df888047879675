// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

ContentHash from_xxh(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

std::string to_hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * size, '0');
  for (std::size_t i = 0; i < size; ++i) {
    text[2 * i] = kDigits[bytes[i] >> 4];
    text[2 * i + 1] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string ContentHash::hex() const {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return text.data();
}

ContentHash ContentHash::from_hex(std::string_view text) {
  ContentHash hash;
  const auto read = [&](std::size_t begin, std::uint64_t& word) {
    const char* first = text.data() + begin;
    const auto [stop, failure] = std::from_chars(first, first + 16, word, 16);
    return failure == std::errc() && stop == first + 16;
  };
  const bool is_hash =
      text.size() == 32 && read(0, hash.high) && read(16, hash.low) && hash.hex() == text;
  require(is_hash, ErrorCode::kData, "'" + std::string(text) + "' is no hash of 32 hex digits");
  return hash;
}

ContentHash content_hash(const void* data, std::size_t size_bytes) {
  return from_xxh(XXH3_128bits(data, size_bytes));
}

struct ContentHasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

ContentHasher::ContentHasher() : state_(std::make_unique<State>()) {
  if (state_->xxh == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_->xxh);
}
ContentHasher::~ContentHasher() = default;
ContentHasher::ContentHasher(ContentHasher&&) noexcept = default;
ContentHasher& ContentHasher::operator=(ContentHasher&&) noexcept = default;

void ContentHasher::update(const void* data, std::size_t size_bytes) {
  XXH3_128bits_update(state_->xxh, data, size_bytes);
}

ContentHash ContentHasher::digest() const { return from_xxh(XXH3_128bits_digest(state_->xxh)); }

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t size_bytes) {
  EVP_DigestUpdate(state_->context, data, size_bytes);
}

std::string Sha256::finish_hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, digest.data(), &size);
  return to_hex(digest.data(), size);
}

std::string sha256_of_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) throw Error(ErrorCode::kStorage, path + ": cannot open: " + std::strerror(errno));
  Sha256 sha;
  std::vector<unsigned char> buffer(kReadBytes);
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    sha.update(buffer.data(), size);
  }
  if (std::ferror(file.get()) != 0) {
    throw Error(ErrorCode::kStorage, path + ": read failed: " + std::strerror(errno));
  }
  return sha.finish_hex();
}

}  // namespace midpo
