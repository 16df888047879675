// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/tcp_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::string_view kScheme = "tcp://";

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw Error(ErrorCode::kConfig, text + ": " + why + "; an address is tcp://HOST:PORT");
}

struct HostAndPort {
  std::string host;
  std::string port;
};

HostAndPort split(const std::string& text) {
  if (!text.starts_with(kScheme)) refuse(text, "is no TCP address");
  const std::string rest = text.substr(kScheme.size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string::npos || colon == 0) refuse(text, "has no port");
  std::string host = rest.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, rest.substr(colon + 1)};
}

void check_port(const std::string& text, const std::string& port) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_number = error == std::errc() && end == port.data() + port.size();
  if (!is_number) refuse(text, "port is '" + port + "', must be a number from 0 to 65535");
}

TcpAddress describe(const addrinfo& found, const std::string& port) {
  char host[INET6_ADDRSTRLEN] = {};
  TcpAddress address;
  address.is_ipv6 = found.ai_family == AF_INET6;
  if (address.is_ipv6) {
    const auto& number = reinterpret_cast<const sockaddr_in6*>(found.ai_addr)->sin6_addr;
    inet_ntop(AF_INET6, &number, host, sizeof host);
    address.is_loopback = IN6_IS_ADDR_LOOPBACK(&number);
    address.is_wildcard = IN6_IS_ADDR_UNSPECIFIED(&number);
    address.text = "tcp://[" + std::string(host) + "]:" + port;
  } else {
    const auto& number = reinterpret_cast<const sockaddr_in*>(found.ai_addr)->sin_addr;
    inet_ntop(AF_INET, &number, host, sizeof host);
    address.is_loopback = (ntohl(number.s_addr) >> 24) == 127;
    address.is_wildcard = number.s_addr == INADDR_ANY;
    address.text = "tcp://" + std::string(host) + ":" + port;
  }
  return address;
}

}  // namespace

TcpAddress parse_tcp_address(const std::string& text) {
  const auto [host, port] = split(text);
  check_port(text, port);
  if (host == "*") return {"tcp://0.0.0.0:" + port, false, true, false};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) refuse(text, "host " + host + " has no address: " + gai_strerror(status));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  return describe(*found, port);
}

void check_may_bind(const TcpAddress& address, bool has_keys, bool allows_plaintext) {
  require(!address.is_wildcard, ErrorCode::kConfig,
          address.text + " is every interface of this machine; name the one that workers reach");
  require(address.is_loopback || has_keys || allows_plaintext, ErrorCode::kConfig,
          address.text +
              " can be reached from other machines: give a key and a list of allowed keys (midpo "
              "keygen makes them), or --insecure-plaintext on an isolated network");
}

void check_may_connect(const TcpAddress& address, bool has_keys, bool allows_plaintext) {
  require(address.is_loopback || has_keys || allows_plaintext, ErrorCode::kConfig,
          address.text +
              " is another machine: give --key and --server-key, or --insecure-plaintext on an "
              "isolated network");
}

}  // namespace midpo
