// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace midpo {

/// CRC-32C (Castagnoli, reflected), as iSCSI and TFRecord use it; by the processor's instruction
/// where there is one. Finds every change of up to 3 bits in a message below 256 MiB.
/// @param crc  of the bytes before, so that a checksum can go over several pieces
std::uint32_t crc32c(const void* data, std::size_t size_bytes, std::uint32_t crc = 0);

inline std::uint32_t crc32c(std::string_view bytes) { return crc32c(bytes.data(), bytes.size()); }

}  // namespace midpo
