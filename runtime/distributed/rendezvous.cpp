// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/rendezvous.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <memory>

namespace midpo {
namespace {

constexpr std::string_view kScheme = "tcp://";
constexpr int kMaxWaiting = 1024;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList resolve(const RendezvousAddress& address) {
  addrinfo wanted{};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int failure = getaddrinfo(address.host.c_str(), port.c_str(), &wanted, &found);
  require(failure == 0, ErrorCode::kTransport,
          address.text() + ": the host is not known (" + gai_strerror(failure) +
              "); give a name or number of the host of rank 0");
  return {found, &freeaddrinfo};
}

const sockaddr_in& first_of(const AddressList& list) {
  return *reinterpret_cast<const sockaddr_in*>(list->ai_addr);
}

[[noreturn]] void fail(const RendezvousAddress& address, const std::string& action) {
  throw Error(ErrorCode::kTransport, address.text() + ": cannot " + action + ": " +
                                         std::strerror(errno) +
                                         "; is it an address of this host, and the port free?");
}

sockaddr_in name_of(int socket_number, const RendezvousAddress& address) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  if (getsockname(socket_number, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    fail(address, "read the socket's name");
  }
  return name;
}

}  // namespace

RendezvousAddress rendezvous_from_text(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  RendezvousAddress address;
  bool is_address = text.starts_with(kScheme) && colon > kScheme.size() && colon != text.npos;
  if (is_address) {
    address.host = text.substr(kScheme.size(), colon - kScheme.size());
    const char* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data() + colon + 1, end, address.port);
    is_address = failure == std::errc() && stop == end && address.port > 0;
  }
  require(is_address, ErrorCode::kConfig,
          "rendezvous is " + text + ", must be tcp://HOST:PORT, an address of rank 0's host");
  const bool is_all = address.host == "0.0.0.0" || address.host == "*" || address.host == "[::]" ||
                      address.host == "::";
  require(!is_all, ErrorCode::kConfig,
          "rendezvous " + text +
              " would listen on all networks of the host; give the one address that the other "
              "ranks reach");
  return address;
}

FileDescriptor listen_at(RendezvousAddress& address) {
  const AddressList found = resolve(address);
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.is_open()) fail(address, "make a socket");
  const int yes = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0) fail(address, "bind");
  if (listen(listener.get(), kMaxWaiting) != 0) fail(address, "listen");
  address.port = ntohs(name_of(listener.get(), address).sin_port);
  return listener;
}

std::string own_address_towards(const RendezvousAddress& address) {
  const AddressList found = resolve(address);
  // Connecting a datagram socket sends nothing: it only chooses the way.
  const FileDescriptor way(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!way.is_open()) fail(address, "make a socket");
  if (connect(way.get(), found->ai_addr, found->ai_addrlen) != 0) fail(address, "find a way to it");
  const sockaddr_in name = name_of(way.get(), address);
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &name.sin_addr, text, sizeof text);
  return text;
}

bool is_loopback(const RendezvousAddress& address) {
  constexpr std::uint32_t kLoopbackNet = 127;
  return ntohl(first_of(resolve(address)).sin_addr.s_addr) >> 24U == kLoopbackNet;
}

}  // namespace midpo
