// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <zmq.hpp>

#include "runtime/transport/curve_keys.h"

namespace midpo {

/// Decides who may connect to the server sockets of a context: ZeroMQ asks it at every handshake
/// (RFC 27, "ZAP"). Bound before any server socket is; served by the I/O thread that polls its
/// socket.
class ZapHandler {
 public:
  static constexpr const char* kDomain = "midpo";

  /// @param needs_key  false: plaintext peers are let in.
  ZapHandler(zmq::context_t& context, AllowList allowed, bool needs_key);

  zmq::socket_t& socket() { return socket_; }

  struct Refusal {
    std::string peer_address;
    std::string reason;
  };
  /// Answers what has been asked. @param is_full  there is no room for another peer: it is told to
  /// come back later. @return whom it refused.
  std::vector<Refusal> serve(bool is_full);

 private:
  struct Request;
  Request parse(const std::vector<std::string>& frames) const;
  std::string reason_to_refuse(const Request& request) const;

  zmq::socket_t socket_;
  AllowList allowed_;
  bool needs_key_;
};

}  // namespace midpo
