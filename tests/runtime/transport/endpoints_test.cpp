// SPDX-License-Identifier: Apache-2.0
// Both endpoints over real sockets on the loopback; who may connect, and what strangers can do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "runtime/transport/client_endpoint.h"
#include "runtime/transport/peer_name.h"
#include "runtime/transport/server_endpoint.h"
#include "tests/runtime/transport/raw_peer.h"
#include "tests/support/error_text.h"
#include "tests/support/temporary_folder.h"

namespace midpo {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Frame frame(const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return Frame(bytes, bytes + text.size());
}

std::string text_of(const Frame& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = 5s) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

/// A server that answers each message with itself.
class EchoServer {
 public:
  explicit EchoServer(ServerOptions options = {}) {
    if (options.address.empty()) options.address = "tcp://127.0.0.1:0";
    options.notice = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notices_ += text + "\n";
    };
    endpoint_ = std::make_unique<ServerEndpoint>(
        options, [this](const std::string& peer, std::vector<Frame> wire) {
          while (!is_ready_) std::this_thread::yield();
          ++num_arrived;
          {
            const std::lock_guard lock(mutex_);
            last_peer_ = peer;
          }
          endpoint_->send(peer, std::move(wire));
        });
    is_ready_ = true;
  }
  const std::string& address() const { return endpoint_->address(); }
  EndpointCounters counters() const { return endpoint_->counters(); }
  std::string notices() const {
    const std::lock_guard lock(mutex_);
    return notices_;
  }
  std::string last_peer() const {
    const std::lock_guard lock(mutex_);
    return last_peer_;
  }
  ServerEndpoint& endpoint() { return *endpoint_; }

  std::atomic<int> num_arrived{0};

 private:
  mutable std::mutex mutex_;
  std::string notices_;
  std::string last_peer_;
  std::atomic<bool> is_ready_{false};
  std::unique_ptr<ServerEndpoint> endpoint_;
};

class Client {
 public:
  explicit Client(const std::string& address, std::optional<ClientOptions::Keys> keys = {}) {
    ClientOptions options;
    options.address = address;
    options.keys = std::move(keys);
    endpoint_ = std::make_unique<ClientEndpoint>(options, [this](std::vector<Frame> wire) {
      const std::lock_guard lock(mutex_);
      last_ = text_of(wire.back());
    });
  }

  /// Asks until the server answers with the same text.
  bool is_served(const std::string& text, std::chrono::milliseconds limit = 5s) {
    return eventually(
        [&] {
          endpoint_->send({frame("first"), frame(text)});
          std::this_thread::sleep_for(5ms);
          const std::lock_guard lock(mutex_);
          return last_ == text;
        },
        limit);
  }
  ClientEndpoint& endpoint() { return *endpoint_; }

 private:
  std::mutex mutex_;
  std::string last_;
  std::unique_ptr<ClientEndpoint> endpoint_;
};

struct CurveWorld {
  KeyPair server = generate_key_pair();
  KeyPair worker = generate_key_pair();
  TemporaryFolder folder;

  std::string list(const std::string& line) const { return folder.write("allowed", line + "\n"); }
  ServerOptions server_options() const {
    ServerOptions options;
    options.keys = server;
    options.allowed = std::make_shared<AllowedKeys>(list(worker.public_key.hex() + " worker"));
    return options;
  }
  ClientOptions::Keys worker_keys() const { return {worker, server.public_key}; }
};

TEST(Endpoints, CarryMessagesBothWays) {
  EchoServer server;
  Client client(server.address());
  EXPECT_TRUE(client.is_served("hello"));
  EXPECT_EQ(client.endpoint().link(), ClientEndpoint::Link::kUp);
}

TEST(Endpoints, ServeSeveralPeersEachItsOwnAnswers) {
  EchoServer server;
  Client one(server.address());
  Client two(server.address());
  EXPECT_TRUE(one.is_served("one"));
  EXPECT_TRUE(two.is_served("two"));
  EXPECT_TRUE(one.is_served("one again"));
}

TEST(Endpoints, ConnectAgainWhenTheServerComesBack) {
  auto server = std::make_unique<EchoServer>();
  ServerOptions same;
  same.address = server->address();
  Client client(same.address);
  ASSERT_TRUE(client.is_served("before"));
  server.reset();
  EXPECT_TRUE(eventually([&] { return client.endpoint().link() != ClientEndpoint::Link::kUp; }));
  server = std::make_unique<EchoServer>(same);
  EXPECT_TRUE(client.is_served("after"));
}

TEST(Endpoints, RefuseAPortThatIsTaken) {
  EchoServer server;
  ServerOptions same;
  same.address = server.address();
  EXPECT_THAT(error_text(ErrorCode::kTransport, [&] { EchoServer second(same); }),
              HasSubstr("another address or port"));
}

TEST(Endpoints, RefuseToListenInPlaintextBeyondTheLoopback) {
  ServerOptions options;
  options.address = "tcp://192.0.2.1:5555";
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { EchoServer server(options); }),
              HasSubstr("midpo keygen"));
}

TEST(Endpoints, RefuseToConnectInPlaintextBeyondTheLoopback) {
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { Client client("tcp://192.0.2.1:5555"); }),
              HasSubstr("--server-key"));
}

TEST(CurveEndpoints, LetAListedKeyIn) {
  const CurveWorld world;
  EchoServer server(world.server_options());
  Client client(server.address(), world.worker_keys());
  EXPECT_TRUE(client.is_served("hello"));
}

TEST(CurveEndpoints, NameAPeerByTheKeyItHasProven) {
  const CurveWorld world;
  EchoServer server(world.server_options());
  Client client(server.address(), world.worker_keys());
  ASSERT_TRUE(client.is_served("hello"));
  EXPECT_EQ(key_of_peer(server.last_peer()), world.worker.public_key);
}

TEST(CurveEndpoints, FollowTheListAsItIsReadAgain) {
  const CurveWorld world;
  const ServerOptions options = world.server_options();
  EchoServer server(options);
  const KeyPair other = generate_key_pair();
  world.list(other.public_key.hex() + " other");
  Client early(server.address(), ClientOptions::Keys{other, world.server.public_key});
  EXPECT_FALSE(early.is_served("too early", 300ms));
  options.allowed->reload();
  Client listed(server.address(), ClientOptions::Keys{other, world.server.public_key});
  EXPECT_TRUE(listed.is_served("hello"));
  Client removed(server.address(), world.worker_keys());
  EXPECT_FALSE(removed.is_served("too late", 300ms));
}

TEST(CurveEndpoints, RefuseAnUnknownKeyAndServeTheKnownOne) {
  const CurveWorld world;
  EchoServer server(world.server_options());
  Client stranger(server.address(),
                  ClientOptions::Keys{generate_key_pair(), world.server.public_key});
  EXPECT_FALSE(stranger.is_served("let me in", 500ms));
  EXPECT_TRUE(
      eventually([&] { return stranger.endpoint().link() == ClientEndpoint::Link::kRefused; }));
  EXPECT_EQ(server.num_arrived, 0);
  EXPECT_GT(server.counters().refused_keys, 0U);
  EXPECT_THAT(server.notices(), HasSubstr("is not on the list of allowed keys"));
  Client client(server.address(), world.worker_keys());
  EXPECT_TRUE(client.is_served("hello"));
}

TEST(CurveEndpoints, RefuseAPlaintextPeer) {
  const CurveWorld world;
  EchoServer server(world.server_options());
  Client plain(server.address());
  EXPECT_FALSE(plain.is_served("let me in", 500ms));
  EXPECT_EQ(server.num_arrived, 0);
}

TEST(CurveEndpoints, DoNotTalkToAServerWithAnotherKey) {
  const CurveWorld world;
  EchoServer server(world.server_options());
  Client client(server.address(),
                ClientOptions::Keys{world.worker, generate_key_pair().public_key});
  EXPECT_FALSE(client.is_served("let me in", 500ms));
  EXPECT_EQ(client.endpoint().link(), ClientEndpoint::Link::kUnanswered);
  EXPECT_EQ(server.num_arrived, 0);
}

TEST(CurveEndpoints, RefuseAServerKeyWithoutAnAllowList) {
  ServerOptions options;
  options.keys = generate_key_pair();
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { EchoServer server(options); }),
              HasSubstr("list of allowed keys"));
}

TEST(HostilePeers, AClaimOfAGibibyteEndsTheConnection) {
  EchoServer server;
  Client good(server.address());
  ASSERT_TRUE(good.is_served("before"));
  RawPeer bad(server.address());
  bad.join();
  bad.send(std::string("\x02", 1) + std::string("\0\0\0\0\x40\0\0\0", 8) + "not as much");
  EXPECT_TRUE(bad.is_cut_off(3s));
  EXPECT_TRUE(good.is_served("after"));
}

TEST(HostilePeers, CutAndWildFramesLeaveAGoodPeerServed) {
  EchoServer server;
  Client good(server.address());
  const std::string wild[] = {"GET / HTTP/1.1\r\n\r\n", std::string(64, '\xff'),
                              std::string(1, '\0'), std::string(1000, '\x7f'),
                              std::string("\xff\0\0\0", 4)};
  for (const std::string& bytes : wild) {
    RawPeer bad(server.address());
    bad.send(bytes);
    RawPeer cut(server.address());
    cut.join();
    cut.send(bytes);
    ASSERT_TRUE(good.is_served("beside " + std::to_string(bytes.size())));
  }
  EXPECT_TRUE(good.is_served("after"));
}

TEST(HostilePeers, AMessageOfTooManyFramesIsDropped) {
  EchoServer server;
  Client client(server.address());
  ASSERT_TRUE(client.is_served("before"));
  const int before = server.num_arrived;
  client.endpoint().send(std::vector<Frame>(5000, frame("x")));
  EXPECT_TRUE(eventually([&] { return server.counters().dropped_in == 1; }));
  EXPECT_TRUE(client.is_served("after"));
  EXPECT_GT(server.num_arrived, before);
}

TEST(HostilePeers, SilentConnectionsAreClosedAndKeepNobodyOut) {
  const CurveWorld world;
  ServerOptions options = world.server_options();
  options.limits.handshake = 300ms;
  EchoServer server(options);
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(std::make_unique<RawPeer>(server.address()));
  Client good(server.address(), world.worker_keys());
  EXPECT_TRUE(good.is_served("beside the silent"));
  EXPECT_TRUE(silent.back()->is_cut_off(3s));
}

TEST(HostilePeers, OnesOverTheCapAreNotHeard) {
  ServerOptions options;
  options.limits.max_peers = 2;
  EchoServer server(options);
  Client one(server.address());
  Client two(server.address());
  ASSERT_TRUE(one.is_served("one"));
  ASSERT_TRUE(two.is_served("two"));
  Client three(server.address());
  EXPECT_FALSE(three.is_served("three", 500ms));
  EXPECT_TRUE(one.is_served("one again"));
}

TEST(HostilePeers, APlaceIsFreeAgainAfterSilence) {
  ServerOptions options;
  options.limits.max_peers = 1;
  options.limits.handshake = 500ms;
  options.limits.heartbeat_timeout = 200ms;
  options.limits.heartbeat_interval = 100ms;
  EchoServer server(options);
  auto first = std::make_unique<Client>(server.address());
  ASSERT_TRUE(first->is_served("one"));
  first.reset();
  Client second(server.address());
  EXPECT_TRUE(second.is_served("two"));
}

TEST(HostilePeers, OneThatNeverReadsCostsNobodyElse) {
  EchoServer server;
  Client good(server.address());
  ASSERT_TRUE(good.is_served("before"));
  RawPeer deaf(server.address());
  deaf.join();
  const std::string body(60'000, 'x');
  const std::string size = std::string("\0\0\0\0\0\0\xea\x60", 8);
  for (int i = 0; i < 200; ++i) deaf.send(std::string("\x02", 1) + size + body);
  EXPECT_TRUE(good.is_served("after"));
}

TEST(Closing, TakesBoundedTimeWithMessagesThatNobodyReads) {
  const auto start = std::chrono::steady_clock::now();
  {
    EchoServer server;
    RawPeer deaf(server.address());
    deaf.join();
    const std::string size = std::string("\0\0\0\0\0\0\xea\x60", 8);
    for (int i = 0; i < 100; ++i)
      deaf.send(std::string("\x02", 1) + size + std::string(60'000, 'x'));
    eventually([&] { return server.num_arrived > 50; });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 7s);
}

TEST(Closing, OfAClientThatNeverConnectedTakesBoundedTime) {
  const auto start = std::chrono::steady_clock::now();
  {
    Client client("tcp://127.0.0.1:1");
    client.endpoint().send({frame("to nobody")});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(Closing, SendsWhatWasSentLast) {
  EchoServer server;
  auto client = std::make_unique<Client>(server.address());
  ASSERT_TRUE(client->is_served("hello"));
  const int before = server.num_arrived;
  for (int i = 0; i < 10; ++i) client->endpoint().send({frame("goodbye")});
  client.reset();
  EXPECT_TRUE(eventually([&] { return server.num_arrived >= before + 10; }));
}

TEST(Sending, IsSafeFromSeveralThreads) {
  EchoServer server;
  Client client(server.address());
  ASSERT_TRUE(client.is_served("hello"));
  const int before = server.num_arrived;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) client.endpoint().send({frame("a"), frame("b")});
    });
  }
  threads.clear();
  EXPECT_TRUE(eventually([&] { return server.num_arrived >= before + 400; }));
}

TEST(Sending, ToAPeerThatHasGoneIsCounted) {
  EchoServer server;
  server.endpoint().send("nobody", {frame("hello")});
  EXPECT_TRUE(eventually([&] { return server.counters().dropped_out == 1; }));
}

}  // namespace
}  // namespace midpo
