// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace midpo {

/// tcp://HOST:PORT with the host resolved to numbers.
struct TcpAddress {
  std::string text;          ///< tcp://1.2.3.4:5555 or tcp://[::1]:5555, as ZeroMQ takes it
  bool is_loopback = false;  ///< nobody outside this machine can reach it
  bool is_wildcard = false;  ///< every interface
  bool is_ipv6 = false;
};

/// @throws Error(kConfig) for any other form, a port outside 0..65535, or a host that has no
/// address.
TcpAddress parse_tcp_address(const std::string& text);

/// What may listen: a named interface; without keys only the loopback, unless the caller insists.
/// @throws Error(kConfig) saying what to do instead.
void check_may_bind(const TcpAddress& address, bool has_keys, bool allows_plaintext);

/// What may be connected to: without keys only the loopback, unless the caller insists.
void check_may_connect(const TcpAddress& address, bool has_keys, bool allows_plaintext);

}  // namespace midpo
