// SPDX-License-Identifier: Apache-2.0
// A peer that speaks ZeroMQ's wire protocol by hand, and as badly as a test wants.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace midpo {

class RawPeer {
 public:
  /// Connects to tcp://127.0.0.1:PORT and says nothing.
  explicit RawPeer(const std::string& address) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error("no connection");
    }
  }
  ~RawPeer() { ::close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(const std::string& bytes) {
    [[maybe_unused]] const auto ignored = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  /// The handshake of a plaintext DEALER, up to where messages may follow.
  void join() {
    std::string greeting =
        std::string("\xff") + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0') + "NULL";
    greeting.resize(64, '\0');
    send(greeting);
    std::string ready =
        std::string("\x05READY\x0bSocket-Type") + std::string(3, '\0') + "\x06" + "DEALER";
    send(std::string("\x04") + static_cast<char>(ready.size()) + ready);
  }

  /// Whether the other side closes the connection within the time.
  bool is_cut_off(std::chrono::milliseconds time) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    char bytes[256];
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd waiting{socket_, POLLIN, 0};
      ::poll(&waiting, 1, 50);
      if (waiting.revents == 0) continue;
      if (::recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;
    }
    return false;
  }

 private:
  int socket_;
};

}  // namespace midpo
