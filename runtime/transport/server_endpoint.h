// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// Where workers connect to: a ZeroMQ ROUTER and the thread that owns it. Moves whole messages and
/// knows nothing of what they say. Any message may be lost; the link above sends it again.
class ServerEndpoint {
 public:
  /// Called on the I/O thread, which it must not keep; `peer` names a process, over all its
  /// connections, and the key it has proven (peer_name.h).
  using Arrival = std::function<void(const std::string& peer, std::vector<Frame> wire)>;

  /// Listens when it returns. @throws Error kConfig for an address that may not be bound (see
  /// check_may_bind), kTransport if it is taken.
  ServerEndpoint(const ServerOptions& options, Arrival arrival);

  /// In bounded time: what was sent before goes out first, for as long as `linger` allows.
  ~ServerEndpoint();
  ServerEndpoint(const ServerEndpoint&) = delete;
  ServerEndpoint& operator=(const ServerEndpoint&) = delete;

  /// Thread-safe, never waits. What cannot be sent is dropped and counted.
  void send(const std::string& peer, std::vector<Frame> wire);

  /// As bound: the port is a real one.
  const std::string& address() const;

  EndpointCounters counters() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace midpo
