// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/server_endpoint.h"

#include <signal.h>

#include <thread>
#include <unordered_map>

#include "runtime/core/error.h"
#include "runtime/transport/io_counters.h"
#include "runtime/transport/outbox.h"
#include "runtime/transport/peer_name.h"
#include "runtime/transport/rare_notice.h"
#include "runtime/transport/tcp_address.h"
#include "runtime/transport/zap_handler.h"
#include "runtime/transport/zmq_parts.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{500};
constexpr std::chrono::minutes kPlaintextWarning{1};
/// Messages read before others get their turn.
constexpr int kReadsInARow = 256;
/// ZMQ_ZAP_ENFORCE_DOMAIN, which Debian's library knows and its header does not name.
constexpr int kZapEnforceDomain = 93;
constexpr int kEvents = ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

}  // namespace

class ServerEndpoint::Loop {
 public:
  Loop(const ServerOptions& options, Arrival arrival);
  ~Loop();

  void send(const std::string& peer, std::vector<Frame> wire) {
    if (!outbox_.push({peer, std::move(wire)})) counters_.add(&EndpointCounters::dropped_out);
  }
  const std::string& address() const { return address_; }
  EndpointCounters counters() const { return counters_.read(); }

 private:
  zmq::socket_t make_router(const ServerOptions& options);
  void bind(const TcpAddress& address);
  void run();
  void serve_handshakes(Clock::time_point now);
  void read_events(Clock::time_point now);
  void receive(Clock::time_point now);
  std::string name_of_sender(const std::vector<Frame>& frames, const std::string& key) const;
  bool admit(const std::string& peer, Clock::time_point now);
  void send_all();
  void tick(Clock::time_point now);

  EndpointLimits limits_;
  Arrival arrival_;
  RareNotice notice_;
  TransportNotice warn_;
  bool has_keys_;
  bool is_insecure_;
  IoCounters counters_;
  Outbox outbox_;
  zmq::context_t context_{1};
  ZapHandler zap_;
  zmq::socket_t router_;
  SocketMonitor monitor_;
  std::string address_;
  std::unordered_map<std::string, Clock::time_point> last_heard_;  ///< [peer]
  Clock::time_point next_warning_;
  std::thread thread_;
};

ServerEndpoint::Loop::Loop(const ServerOptions& options, Arrival arrival)
    : limits_(options.limits),
      arrival_(std::move(arrival)),
      notice_(options.notice),
      warn_(options.notice),
      has_keys_(options.keys.has_value()),
      is_insecure_(!options.keys && !parse_tcp_address(options.address).is_loopback),
      outbox_(options.limits.outbox),
      zap_(context_, options.keys ? options.allowed : nullptr),
      router_(make_router(options)),
      monitor_(context_, router_, kEvents) {
  const TcpAddress address = parse_tcp_address(options.address);
  check_may_bind(address, options.keys.has_value(), options.allows_plaintext);
  require(!options.keys || options.allowed, ErrorCode::kConfig,
          "a server with a key needs a list of allowed keys, or nobody could connect");
  bind(address);
  thread_ = std::thread([this] { run(); });
}

ServerEndpoint::Loop::~Loop() {
  outbox_.close();
  if (thread_.joinable()) thread_.join();
}

zmq::socket_t ServerEndpoint::Loop::make_router(const ServerOptions& options) {
  zmq::socket_t router(context_, zmq::socket_type::router);
  set_limits(router, limits_, parse_tcp_address(options.address).is_ipv6);
  router.set(zmq::sockopt::router_mandatory, 1);
  // A process that connects again keeps its name, also while its old connection is not known dead.
  router.set(zmq::sockopt::router_handover, 1);
  router.set(zmq::sockopt::zap_domain, ZapHandler::kDomain);
  // Nobody comes in unasked. A second lock where the library has it: the handler is bound already.
  const int enforce = 1;
  zmq_setsockopt(router.handle(), kZapEnforceDomain, &enforce, sizeof enforce);
  if (options.keys) {
    const auto& secret = options.keys->secret_key.bytes();
    router.set(zmq::sockopt::curve_server, true);
    router.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), secret.size()));
  }
  return router;
}

void ServerEndpoint::Loop::bind(const TcpAddress& address) {
  try {
    router_.bind(address.text);
  } catch (const zmq::error_t& error) {
    throw Error(ErrorCode::kTransport, address.text + ": cannot be listened on: " + error.what() +
                                           "; choose another address or port");
  }
  address_ = router_.get(zmq::sockopt::last_endpoint);
}

void ServerEndpoint::Loop::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  zmq::pollitem_t items[] = {{router_.handle(), 0, ZMQ_POLLIN, 0},
                             {zap_.socket().handle(), 0, ZMQ_POLLIN, 0},
                             {monitor_.socket().handle(), 0, ZMQ_POLLIN, 0},
                             {nullptr, outbox_.wake_descriptor(), ZMQ_POLLIN, 0}};
  while (!outbox_.is_closed()) {
    zmq::poll(items, std::size(items), kTick);
    const auto now = Clock::now();
    serve_handshakes(now);
    read_events(now);
    receive(now);
    send_all();
    tick(now);
  }
  send_all();
}

void ServerEndpoint::Loop::serve_handshakes(Clock::time_point now) {
  for (const auto& refusal : zap_.serve(last_heard_.size() >= limits_.max_peers)) {
    counters_.add(&EndpointCounters::refused_keys);
    notice_.say("refusal", refusal.peer_address + " was refused: " + refusal.reason, now);
  }
}

void ServerEndpoint::Loop::read_events(Clock::time_point now) {
  while (const auto event = monitor_.next()) {
    if (event->kind == ZMQ_EVENT_ACCEPT_FAILED) {
      notice_.say("accept", "a connection was not accepted; raise ulimit -n", now);
      continue;
    }
    counters_.add(&EndpointCounters::failed_handshakes);
    notice_.say("handshake", "somebody connected who is no worker, or has other keys", now);
  }
}

void ServerEndpoint::Loop::receive(Clock::time_point now) {
  for (int i = 0; i < kReadsInARow; ++i) {
    std::string key;
    auto frames = receive_frames(router_, limits_.max_frames + 1, &key);
    if (!frames) return;
    const std::string peer = name_of_sender(*frames, key);
    if (peer.empty() || !admit(peer, now)) {
      counters_.add(&EndpointCounters::dropped_in);
      continue;
    }
    frames->erase(frames->begin());
    counters_.add(&EndpointCounters::received);
    arrival_(peer, std::move(*frames));
  }
}

/// Empty for a message that is no message.
std::string ServerEndpoint::Loop::name_of_sender(const std::vector<Frame>& frames,
                                                 const std::string& key) const {
  if (frames.size() < 2 || key.empty() == has_keys_) return "";
  const Frame& chosen = frames.front();
  return peer_name(key, {reinterpret_cast<const char*>(chosen.data()), chosen.size()});
}

bool ServerEndpoint::Loop::admit(const std::string& peer, Clock::time_point now) {
  const auto found = last_heard_.find(peer);
  if (found != last_heard_.end()) {
    found->second = now;
    return true;
  }
  if (last_heard_.size() >= limits_.max_peers) return false;
  last_heard_.emplace(peer, now);
  return true;
}

void ServerEndpoint::Loop::send_all() {
  for (const Outgoing& message : outbox_.take()) {
    const std::string chosen = message.peer.substr(has_keys_ ? kKeyPrefix : 0);
    const SendOutcome outcome = send_frames(router_, &chosen, message.wire);
    if (outcome == SendOutcome::kGone) last_heard_.erase(message.peer);
    counters_.add(outcome == SendOutcome::kSent ? &EndpointCounters::sent
                                                : &EndpointCounters::dropped_out);
  }
}

void ServerEndpoint::Loop::tick(Clock::time_point now) {
  // Who lives sends heartbeats: silence this long means that the connection has gone.
  const auto oldest = now - 3 * limits_.heartbeat_timeout;
  std::erase_if(last_heard_, [&](const auto& peer) { return peer.second < oldest; });
  if (!is_insecure_ || !warn_ || now < next_warning_) return;
  warn_(address_ + " takes plaintext from other machines: whoever reaches it can join this run");
  next_warning_ = now + kPlaintextWarning;
}

ServerEndpoint::ServerEndpoint(const ServerOptions& options, Arrival arrival)
    : loop_(std::make_unique<Loop>(options, std::move(arrival))) {}

ServerEndpoint::~ServerEndpoint() = default;

void ServerEndpoint::send(const std::string& peer, std::vector<Frame> wire) {
  loop_->send(peer, std::move(wire));
}

const std::string& ServerEndpoint::address() const { return loop_->address(); }

EndpointCounters ServerEndpoint::counters() const { return loop_->counters(); }

}  // namespace midpo
