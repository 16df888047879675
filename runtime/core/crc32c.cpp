// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/crc32c.h"

#include <array>
#include <cstring>

namespace midpo {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;
  std::array<std::uint32_t, 256> entries{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    entries[byte] = byte;
    for (int bit = 0; bit < 8; ++bit)
      entries[byte] = entries[byte] >> 1 ^ (entries[byte] & 1 ? kReflectedPolynomial : 0);
  }
  return entries;
}

std::uint32_t by_table(const unsigned char* data, std::size_t size, std::uint32_t crc) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_table();
  for (std::size_t i = 0; i < size; ++i) crc = crc >> 8 ^ kTable[(crc ^ data[i]) & 0xff];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(const unsigned char* data,
                                                               std::size_t size,
                                                               std::uint32_t crc) {
  std::uint64_t wide = crc;
  for (; size >= sizeof wide; data += sizeof wide, size -= sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  return by_table(data, size, static_cast<std::uint32_t>(wide));
}

bool has_instruction() { return __builtin_cpu_supports("sse4.2"); }
#else
std::uint32_t by_instruction(const unsigned char* data, std::size_t size, std::uint32_t crc) {
  return by_table(data, size, crc);
}

bool has_instruction() { return false; }
#endif

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size_bytes, std::uint32_t crc) {
  static const auto update = has_instruction() ? by_instruction : by_table;
  return ~update(static_cast<const unsigned char*>(data), size_bytes, ~crc);
}

}  // namespace midpo
