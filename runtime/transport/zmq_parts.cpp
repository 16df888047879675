// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/zmq_parts.h"

#include <cstring>

#include "runtime/core/error.h"

namespace midpo {
namespace {

Frame copy(const zmq::message_t& part) {
  const auto* bytes = static_cast<const std::byte*>(part.data());
  return Frame(bytes, bytes + part.size());
}

/// What the ZapHandler has called the owner of the connection.
std::string user_of(zmq::message_t& part) {
  const char* user = zmq_msg_gets(part.handle(), "User-Id");
  return user == nullptr ? "" : user;
}

}  // namespace

std::optional<std::vector<Frame>> receive_frames(zmq::socket_t& socket, std::size_t max_frames,
                                                 std::string* key) {
  std::vector<Frame> frames;
  std::size_t num_frames = 0;
  zmq::message_t part;
  if (key != nullptr) key->clear();
  do {
    if (!socket.recv(part, zmq::recv_flags::dontwait)) return std::nullopt;
    // The frame in front, the peer's name, is the library's own and may say nothing.
    if (key != nullptr && key->empty()) *key = user_of(part);
    if (++num_frames <= max_frames) frames.push_back(copy(part));
  } while (part.more());
  if (num_frames > max_frames) frames.clear();
  return frames;
}

SendOutcome send_frames(zmq::socket_t& socket, const std::string* peer,
                        const std::vector<Frame>& wire) {
  const auto flags = [](bool is_last) {
    return is_last ? zmq::send_flags::dontwait
                   : zmq::send_flags::dontwait | zmq::send_flags::sndmore;
  };
  try {
    // Only the first frame can be refused: the socket takes a message whole.
    if (peer && !socket.send(zmq::message_t(*peer), flags(false))) return SendOutcome::kFull;
    for (std::size_t i = 0; i < wire.size(); ++i) {
      zmq::message_t part(wire[i].data(), wire[i].size());
      if (!socket.send(part, flags(i + 1 == wire.size()))) return SendOutcome::kFull;
    }
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return SendOutcome::kGone;
    throw;
  }
  return SendOutcome::kSent;
}

void set_limits(zmq::socket_t& socket, const EndpointLimits& limits, bool is_ipv6) {
  const auto ms = [](std::chrono::milliseconds time) { return static_cast<int>(time.count()); };
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits.max_frame_bytes));
  socket.set(zmq::sockopt::sndhwm, limits.queue_messages);
  socket.set(zmq::sockopt::rcvhwm, limits.queue_messages);
  socket.set(zmq::sockopt::handshake_ivl, ms(limits.handshake));
  socket.set(zmq::sockopt::heartbeat_ivl, ms(limits.heartbeat_interval));
  socket.set(zmq::sockopt::heartbeat_timeout, ms(limits.heartbeat_timeout));
  socket.set(zmq::sockopt::heartbeat_ttl, ms(limits.heartbeat_timeout));
  socket.set(zmq::sockopt::linger, ms(limits.linger));
  socket.set(zmq::sockopt::immediate, 1);
  if (is_ipv6) socket.set(zmq::sockopt::ipv6, 1);
}

SocketMonitor::SocketMonitor(zmq::context_t& context, zmq::socket_t& watched, int events)
    : pair_(context, zmq::socket_type::pair) {
  const std::string address = "inproc://midpo-monitor";
  const int status = zmq_socket_monitor(watched.handle(), address.c_str(), events);
  require(status == 0, ErrorCode::kTransport, "a socket cannot be watched");
  pair_.set(zmq::sockopt::linger, 0);
  pair_.connect(address);
}

std::optional<SocketEvent> SocketMonitor::next() {
  const auto frames = receive_frames(pair_, 2);
  if (!frames || frames->size() != 2 || (*frames)[0].size() != 6) return std::nullopt;
  std::uint16_t kind = 0;
  SocketEvent event;
  std::memcpy(&kind, (*frames)[0].data(), sizeof kind);
  std::memcpy(&event.value, (*frames)[0].data() + sizeof kind, sizeof event.value);
  event.kind = kind;
  return event;
}

}  // namespace midpo
