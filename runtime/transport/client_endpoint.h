// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// A worker's end: a ZeroMQ DEALER and the thread that owns it. Connects, and connects again, by
/// itself. Any message may be lost; the link above sends it again.
class ClientEndpoint {
 public:
  /// Called on the I/O thread, which it must not keep.
  using Arrival = std::function<void(std::vector<Frame> wire)>;

  /// Returns at once; the server need not be there yet. @throws Error(kConfig) for an address that
  /// may not be connected to without keys.
  ClientEndpoint(const ClientOptions& options, Arrival arrival);

  /// In bounded time: what was sent before goes out first, for as long as `linger` allows.
  ~ClientEndpoint();
  ClientEndpoint(const ClientEndpoint&) = delete;
  ClientEndpoint& operator=(const ClientEndpoint&) = delete;

  /// Thread-safe, never waits. What cannot be sent, for want of a connection too, is dropped.
  void send(std::vector<Frame> wire);

  enum class Link {
    kTrying,      ///< nobody answers yet, or again
    kUp,          ///< connected, with its key where there is one
    kRefused,     ///< the server does not know this key
    kUnanswered,  ///< somebody answered and broke off: another server key, or no midpo
  };
  Link link() const;

  EndpointCounters counters() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace midpo
