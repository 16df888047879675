// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <zmq.hpp>

#include "runtime/transport/allow_list.h"

namespace midpo {

/// Decides who may connect to the server sockets of a context: ZeroMQ asks it at every handshake
/// (RFC 27, "ZAP"). Bound before any server socket is; served by the I/O thread that polls its
/// socket. Each message of a peer then carries its key, in hex, as the "user" that sent it.
class ZapHandler {
 public:
  static constexpr const char* kDomain = "midpo";

  /// @param allowed  null: plaintext peers are let in.
  ZapHandler(zmq::context_t& context, std::shared_ptr<const AllowedKeys> allowed);

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
  static std::optional<PublicKey> key_of(const Request& request);
  std::string reason_to_refuse(const Request& request) const;

  zmq::socket_t socket_;
  std::shared_ptr<const AllowedKeys> allowed_;
};

}  // namespace midpo
