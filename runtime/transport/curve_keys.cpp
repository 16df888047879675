// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/curve_keys.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <sstream>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

using Bytes = std::array<std::uint8_t, 32>;

constexpr std::size_t kZ85Size = 41;  // with the final zero
constexpr std::string_view kSecretHeading = "midpo-secret-key";

std::string to_hex(const Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::optional<Bytes> from_hex(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Bytes bytes{};
  if (text.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | digit);
  }
  return bytes;
}

Bytes from_z85(const char* text) {
  Bytes bytes{};
  zmq_z85_decode(bytes.data(), text);
  return bytes;
}

void create_file(const std::string& path, mode_t mode, const std::string& text) {
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.is_open() && errno == EEXIST) {
    throw Error(ErrorCode::kConfig, path + ": exists; a key is never overwritten, choose a name");
  }
  if (!file.is_open()) throw storage_error(path, "be created", errno);
  try {
    write_all_at(file, path, text, 0);
    sync_file(file, path);
  } catch (const Error&) {
    ::unlink(path.c_str());  // half a key is none, and would stand in the way of the next one
    throw;
  }
}

std::string read_private_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    throw Error(ErrorCode::kConfig, path + ": cannot be read: " + ::strerror(errno) +
                                        "; make a key with midpo keygen --output NAME");
  }
  struct stat status {};
  const bool is_file = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  require(is_file, ErrorCode::kConfig, path + ": is no regular file");
  require((status.st_mode & 077) == 0, ErrorCode::kConfig,
          path + ": others may read or change this secret key; chmod 600 it");
  std::string text(256, '\0');
  text.resize(read_some_at(file, path, text.data(), text.size(), 0));
  return text;
}

}  // namespace

std::string PublicKey::hex() const { return to_hex(bytes); }

SecretKey::~SecretKey() { ::explicit_bzero(bytes_.data(), bytes_.size()); }

KeyPair generate_key_pair() {
  char public_text[kZ85Size];
  char secret_text[kZ85Size];
  require(zmq_curve_keypair(public_text, secret_text) == 0, ErrorCode::kDevice,
          "this libzmq was built without CURVE; install one with libsodium");
  KeyPair pair{{from_z85(public_text)}, SecretKey(from_z85(secret_text))};
  ::explicit_bzero(secret_text, sizeof secret_text);
  return pair;
}

void write_key_files(const KeyPair& pair, const std::string& name) {
  const std::string base = name.substr(name.find_last_of('/') + 1);
  require(!base.empty(), ErrorCode::kConfig, "the name of a key is empty");
  const std::string secret = to_hex(pair.secret_key.bytes());
  create_file(name + ".key", 0600, std::string(kSecretHeading) + " " + secret + "\n");
  try {
    create_file(name + ".pub", 0644, pair.public_key.hex() + " " + base + "\n");
  } catch (const Error&) {
    ::unlink((name + ".key").c_str());
    throw;
  }
  sync_parent_folder(name + ".pub");
}

KeyPair read_secret_key(const std::string& path) {
  std::istringstream words(read_private_file(path));
  std::string heading, digits, rest;
  words >> heading >> digits >> rest;
  const auto bytes = from_hex(digits);
  require(heading == kSecretHeading && bytes && rest.empty(), ErrorCode::kConfig,
          path + ": is no secret key; give the NAME.key of midpo keygen");
  char secret_text[kZ85Size];
  char public_text[kZ85Size];
  zmq_z85_encode(secret_text, bytes->data(), bytes->size());
  const bool is_valid = zmq_curve_public(public_text, secret_text) == 0;
  ::explicit_bzero(secret_text, sizeof secret_text);
  require(is_valid, ErrorCode::kDevice, "this libzmq was built without CURVE");
  return {{from_z85(public_text)}, SecretKey(*bytes)};
}

std::optional<PublicKey> parse_public_key(std::string_view hex) {
  const auto bytes = from_hex(hex);
  if (!bytes) return std::nullopt;
  return PublicKey{*bytes};
}

}  // namespace midpo
