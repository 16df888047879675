// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/zap_handler.h"

#include <algorithm>

#include "runtime/transport/zmq_parts.h"

namespace midpo {
namespace {

constexpr std::size_t kMaxFrames = 16;

Frame to_frame(const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return Frame(bytes, bytes + text.size());
}

std::string to_text(const Frame& frame) {
  return std::string(reinterpret_cast<const char*>(frame.data()), frame.size());
}

}  // namespace

struct ZapHandler::Request {
  std::string version, id, domain, peer_address, mechanism, credentials;
};

ZapHandler::ZapHandler(zmq::context_t& context, std::shared_ptr<const AllowedKeys> allowed)
    : socket_(context, zmq::socket_type::rep), allowed_(std::move(allowed)) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
}

ZapHandler::Request ZapHandler::parse(const std::vector<std::string>& frames) const {
  // version, request id, domain, address, identity, mechanism, credentials...
  Request request;
  if (frames.size() < 6) return request;
  request.version = frames[0];
  request.id = frames[1];
  request.domain = frames[2];
  request.peer_address = frames[3];
  request.mechanism = frames[5];
  if (frames.size() == 7) request.credentials = frames[6];
  return request;
}

std::optional<PublicKey> ZapHandler::key_of(const Request& request) {
  PublicKey key;
  if (request.mechanism != "CURVE" || request.credentials.size() != key.bytes.size()) {
    return std::nullopt;
  }
  std::ranges::copy(request.credentials, key.bytes.begin());
  return key;
}

std::string ZapHandler::reason_to_refuse(const Request& request) const {
  if (request.version != "1.0" || request.domain != kDomain) return "unknown request";
  if (!allowed_) return "";
  const auto key = key_of(request);
  if (!key) return "no key";
  if (allowed_->find(*key)) return "";
  return "key " + key->hex() + " is not on the list of allowed keys";
}

std::vector<ZapHandler::Refusal> ZapHandler::serve(bool is_full) {
  std::vector<Refusal> refusals;
  while (const auto frames = receive_frames(socket_, kMaxFrames)) {
    std::vector<std::string> texts;
    std::ranges::transform(*frames, std::back_inserter(texts), to_text);
    const Request request = parse(texts);
    const std::string reason = reason_to_refuse(request);
    // 300 asks the peer to try again, 400 says that its key will never do.
    const std::string status = !reason.empty() ? "400" : is_full ? "300" : "200";
    if (status != "200") {
      refusals.push_back({request.peer_address, reason.empty() ? "too many peers" : reason});
    }
    const auto key = key_of(request);
    const std::string user = key ? key->hex() : "";
    std::vector<Frame> answer;
    for (const auto& text : {std::string("1.0"), request.id, status, reason, user, std::string()}) {
      answer.push_back(to_frame(text));
    }
    send_frames(socket_, nullptr, answer);
  }
  return refusals;
}

}  // namespace midpo
