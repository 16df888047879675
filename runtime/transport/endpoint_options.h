// SPDX-License-Identifier: Apache-2.0
// What both ends of a connection are told when they are opened.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/transport/allow_list.h"
#include "runtime/transport/envelope.h"

namespace midpo {

/// Every limit of a socket, none left at the library's "unlimited".
struct EndpointLimits {
  std::size_t max_frame_bytes = std::size_t{64} << 20;  ///< a peer that sends more is cut off
  std::size_t max_frames = 66;  ///< of a message: envelope, body and WireLimits::max_frames
  int queue_messages = 1024;    ///< per peer and direction; what does not fit is dropped
  std::size_t outbox = 8192;    ///< messages waiting for the I/O thread; more are dropped
  std::size_t max_peers = 256;  ///< of a server
  std::chrono::milliseconds handshake{5000};
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds heartbeat_timeout{3000};
  std::chrono::milliseconds linger{500};  ///< for what was sent last when an endpoint closes
};

/// Things worth a line in a log, said rarely; called on the I/O thread.
using TransportNotice = std::function<void(const std::string& text)>;

struct ServerOptions {
  std::string address;  ///< tcp://HOST:PORT; port 0: any free one
  std::optional<KeyPair> keys;
  std::shared_ptr<AllowedKeys> allowed;  ///< with keys: who may connect, as the list is now
  bool allows_plaintext = false;
  EndpointLimits limits;
  TransportNotice notice;
};

struct ClientOptions {
  std::string address;
  struct Keys {
    KeyPair own;
    PublicKey server;
  };
  std::optional<Keys> keys;
  bool allows_plaintext = false;
  EndpointLimits limits;
  TransportNotice notice;
};

/// What an endpoint has seen, for metrics and tests.
struct EndpointCounters {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped_in = 0;   ///< messages of too many frames, or of peers over the cap
  std::uint64_t dropped_out = 0;  ///< to peers that have gone or do not read
  std::uint64_t refused_keys = 0;
  std::uint64_t failed_handshakes = 0;
};

}  // namespace midpo
