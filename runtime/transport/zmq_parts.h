// SPDX-License-Identifier: Apache-2.0
// The few ZeroMQ calls that both endpoints share. For runtime/transport's sources only.
#pragma once

#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "runtime/transport/endpoint_options.h"

namespace midpo {

/// All frames of one message that has arrived; nothing if none has. A message of more than
/// `max_frames` frames is read to its end and comes back empty. @param key  set to the proven key
/// of who sent it, in hex; empty where no keys are asked for.
std::optional<std::vector<Frame>> receive_frames(zmq::socket_t& socket, std::size_t max_frames,
                                                 std::string* key = nullptr);

enum class SendOutcome { kSent, kFull, kGone };

/// Sends without waiting: all frames or none.
SendOutcome send_frames(zmq::socket_t& socket, const std::string* peer,
                        const std::vector<Frame>& wire);

void set_limits(zmq::socket_t& socket, const EndpointLimits& limits, bool is_ipv6);

/// What happened to a socket's connections.
struct SocketEvent {
  int kind = 0;  ///< ZMQ_EVENT_*
  std::uint32_t value = 0;
};

/// Reports a socket's connections through a pair of sockets that can be polled.
class SocketMonitor {
 public:
  SocketMonitor(zmq::context_t& context, zmq::socket_t& watched, int events);
  zmq::socket_t& socket() { return pair_; }
  std::optional<SocketEvent> next();

 private:
  zmq::socket_t pair_;
};

}  // namespace midpo
