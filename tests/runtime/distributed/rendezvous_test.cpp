// SPDX-License-Identifier: Apache-2.0
#include "runtime/distributed/rendezvous.h"

#include <gtest/gtest.h>

namespace midpo {
namespace {

ErrorCode refusal(const std::string& text) {
  try {
    rendezvous_from_text(text);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    return error.code();
  }
  ADD_FAILURE() << text << " was taken";
  return ErrorCode::kInternal;
}

TEST(Rendezvous, ReadsHostAndPort) {
  const RendezvousAddress address = rendezvous_from_text("tcp://node-7.cluster:29400");
  EXPECT_EQ(address.host, "node-7.cluster");
  EXPECT_EQ(address.port, 29400);
  EXPECT_EQ(address.text(), "tcp://node-7.cluster:29400");
}

TEST(Rendezvous, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "host:1", "tcp://host", "tcp://:80", "tcp://host:", "tcp://host:0",
                           "tcp://host:70000", "tcp://host:80x", "udp://host:80"}) {
    EXPECT_EQ(refusal(text), ErrorCode::kConfig) << text;
  }
}

TEST(Rendezvous, NeverListensEverywhere) {
  for (const char* text : {"tcp://0.0.0.0:80", "tcp://*:80", "tcp://[::]:80", "tcp://:::80"}) {
    EXPECT_EQ(refusal(text), ErrorCode::kConfig) << text;
  }
}

TEST(Rendezvous, TakesAFreePortOfTheAddressAlone) {
  RendezvousAddress first, second;
  const FileDescriptor one = listen_at(first);
  const FileDescriptor two = listen_at(second);
  EXPECT_NE(first.port, 0);
  EXPECT_NE(first.port, second.port);
  RendezvousAddress other{"127.0.0.2", first.port};
  EXPECT_TRUE(listen_at(other).is_open()) << "another address of this host was taken as well";
}

TEST(Rendezvous, SaysThatAPortIsTaken) {
  RendezvousAddress address;
  const FileDescriptor listener = listen_at(address);
  EXPECT_THROW(listen_at(address), Error);
}

TEST(Rendezvous, KnowsLoopback) {
  EXPECT_TRUE(is_loopback({"127.0.0.1", 1}));
  EXPECT_TRUE(is_loopback({"localhost", 1}));
  EXPECT_FALSE(is_loopback({"192.0.2.1", 1}));
  EXPECT_EQ(own_address_towards({"127.0.0.1", 1}), "127.0.0.1");
}

TEST(Rendezvous, NamesAHostThatNobodyKnows) {
  EXPECT_THROW(is_loopback({"no-such-host.invalid", 1}), Error);
}

}  // namespace
}  // namespace midpo
