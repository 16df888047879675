// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/client_endpoint.h"

#include <signal.h>

#include <atomic>
#include <random>
#include <thread>

#include "runtime/transport/io_counters.h"
#include "runtime/transport/outbox.h"
#include "runtime/transport/rare_notice.h"
#include "runtime/transport/tcp_address.h"
#include "runtime/transport/zmq_parts.h"

namespace midpo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{500};
constexpr std::chrono::milliseconds kFirstReconnect{100};
constexpr std::chrono::milliseconds kSlowestReconnect{1000};
constexpr int kReadsInARow = 256;
constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// 16 bytes that nobody else can guess, so that nobody can pretend to be this process.
std::string random_identity() {
  std::random_device entropy;
  std::string bytes(16, '\0');
  for (char& byte : bytes) byte = static_cast<char>(entropy() & 0xff);
  bytes.front() |= 1;  // ZeroMQ keeps those that begin with zero for itself
  return bytes;
}

}  // namespace

class ClientEndpoint::Loop {
 public:
  Loop(const ClientOptions& options, Arrival arrival);
  ~Loop();

  void send(std::vector<Frame> wire) {
    if (!outbox_.push({"", std::move(wire)})) counters_.add(&EndpointCounters::dropped_out);
  }
  Link link() const { return link_; }
  EndpointCounters counters() const { return counters_.read(); }

 private:
  zmq::socket_t make_dealer(const ClientOptions& options);
  void run();
  void read_events();
  void receive();
  void send_all();

  EndpointLimits limits_;
  Arrival arrival_;
  RareNotice notice_;
  std::string address_;
  IoCounters counters_;
  Outbox outbox_;
  zmq::context_t context_{1};
  zmq::socket_t dealer_;
  SocketMonitor monitor_;
  std::atomic<Link> link_{Link::kTrying};
  std::thread thread_;
};

ClientEndpoint::Loop::Loop(const ClientOptions& options, Arrival arrival)
    : limits_(options.limits),
      arrival_(std::move(arrival)),
      notice_(options.notice),
      address_(options.address),
      outbox_(options.limits.outbox),
      dealer_(make_dealer(options)),
      monitor_(context_, dealer_, kEvents) {
  const TcpAddress address = parse_tcp_address(address_);
  check_may_connect(address, options.keys.has_value(), options.allows_plaintext);
  // By its name: the host may come back under another number.
  dealer_.connect(address_);
  thread_ = std::thread([this] { run(); });
}

ClientEndpoint::Loop::~Loop() {
  outbox_.close();
  if (thread_.joinable()) thread_.join();
}

zmq::socket_t ClientEndpoint::Loop::make_dealer(const ClientOptions& options) {
  zmq::socket_t dealer(context_, zmq::socket_type::dealer);
  set_limits(dealer, limits_, parse_tcp_address(options.address).is_ipv6);
  dealer.set(zmq::sockopt::routing_id, random_identity());
  dealer.set(zmq::sockopt::reconnect_ivl, static_cast<int>(kFirstReconnect.count()));
  dealer.set(zmq::sockopt::reconnect_ivl_max, static_cast<int>(kSlowestReconnect.count()));
  if (options.keys) {
    const auto& [own, server] = *options.keys;
    const auto set = [&](auto option, const auto& bytes) {
      dealer.set(option, zmq::const_buffer(bytes.data(), bytes.size()));
    };
    set(zmq::sockopt::curve_serverkey, server.bytes);
    set(zmq::sockopt::curve_publickey, own.public_key.bytes);
    set(zmq::sockopt::curve_secretkey, own.secret_key.bytes());
  }
  return dealer;
}

void ClientEndpoint::Loop::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  zmq::pollitem_t items[] = {{dealer_.handle(), 0, ZMQ_POLLIN, 0},
                             {monitor_.socket().handle(), 0, ZMQ_POLLIN, 0},
                             {nullptr, outbox_.wake_descriptor(), ZMQ_POLLIN, 0}};
  while (!outbox_.is_closed()) {
    zmq::poll(items, std::size(items), kTick);
    read_events();
    receive();
    send_all();
  }
  send_all();
}

void ClientEndpoint::Loop::read_events() {
  while (const auto event = monitor_.next()) {
    const auto now = Clock::now();
    switch (event->kind) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link_ = Link::kUp;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        link_ = Link::kRefused;
        counters_.add(&EndpointCounters::refused_keys);
        notice_.say("refused", address_ + " does not know this worker's key", now);
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        link_ = Link::kUnanswered;
        counters_.add(&EndpointCounters::failed_handshakes);
        notice_.say("handshake", address_ + " broke off: it has another key, or is no midpo", now);
        break;
      default:
        if (link_ == Link::kUp) link_ = Link::kTrying;
    }
  }
}

void ClientEndpoint::Loop::receive() {
  for (int i = 0; i < kReadsInARow; ++i) {
    auto frames = receive_frames(dealer_, limits_.max_frames);
    if (!frames) return;
    if (frames->empty()) {
      counters_.add(&EndpointCounters::dropped_in);
      continue;
    }
    counters_.add(&EndpointCounters::received);
    arrival_(std::move(*frames));
  }
}

void ClientEndpoint::Loop::send_all() {
  for (const Outgoing& message : outbox_.take()) {
    const SendOutcome outcome = send_frames(dealer_, nullptr, message.wire);
    counters_.add(outcome == SendOutcome::kSent ? &EndpointCounters::sent
                                                : &EndpointCounters::dropped_out);
  }
}

ClientEndpoint::ClientEndpoint(const ClientOptions& options, Arrival arrival)
    : loop_(std::make_unique<Loop>(options, std::move(arrival))) {}

ClientEndpoint::~ClientEndpoint() = default;

void ClientEndpoint::send(std::vector<Frame> wire) { loop_->send(std::move(wire)); }

ClientEndpoint::Link ClientEndpoint::link() const { return loop_->link(); }

EndpointCounters ClientEndpoint::counters() const { return loop_->counters(); }

}  // namespace midpo
