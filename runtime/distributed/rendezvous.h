// SPDX-License-Identifier: Apache-2.0
// Where the ranks of a group meet: an address that rank 0 listens on.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/core/posix_file.h"

namespace midpo {

/// "tcp://HOST:PORT": a host by name or number, never all of its addresses at once.
struct RendezvousAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0, for rank 0 only: any free one

  std::string text() const { return "tcp://" + host + ":" + std::to_string(port); }
};

/// @throws Error(kConfig) for anything that is no address, and for 0.0.0.0 and ::.
RendezvousAddress rendezvous_from_text(const std::string& text);

/// A socket that listens on the address alone; its port is filled in if it was 0.
/// @throws Error(kTransport) naming address and cause.
FileDescriptor listen_at(RendezvousAddress& address);

/// The numeric address by which this host reaches the rendezvous: its others are not used.
std::string own_address_towards(const RendezvousAddress& address);

/// Whether nobody outside this host can reach it. @throws Error(kTransport) for an unknown host.
bool is_loopback(const RendezvousAddress& address);

}  // namespace midpo
