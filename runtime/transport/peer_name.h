// SPDX-License-Identifier: Apache-2.0
// What a server endpoint calls its peers: where keys are asked for "<key in hex>/<name that the
// peer chose>", so that nobody speaks for the owner of another key; else the chosen name alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/transport/curve_keys.h"

namespace midpo {

/// With the stroke behind it.
constexpr std::size_t kKeyPrefix = 2 * sizeof(PublicKey::bytes) + 1;

inline std::string peer_name(std::string_view key, std::string_view chosen) {
  return key.empty() ? std::string(chosen) : std::string(key) + "/" + std::string(chosen);
}

/// Of a peer of a server that asks for keys.
inline std::optional<PublicKey> key_of_peer(std::string_view peer) {
  if (peer.size() < kKeyPrefix) return std::nullopt;
  return parse_public_key(peer.substr(0, kKeyPrefix - 1));
}

}  // namespace midpo
