// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/tcp_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

TEST(TcpAddress, KnowsWhoCanReachIt) {
  EXPECT_TRUE(parse_tcp_address("tcp://127.0.0.1:5555").is_loopback);
  EXPECT_TRUE(parse_tcp_address("tcp://127.8.9.10:5555").is_loopback);
  EXPECT_TRUE(parse_tcp_address("tcp://[::1]:5555").is_loopback);
  EXPECT_TRUE(parse_tcp_address("tcp://localhost:5555").is_loopback);
  EXPECT_FALSE(parse_tcp_address("tcp://10.1.2.3:5555").is_loopback);
  EXPECT_FALSE(parse_tcp_address("tcp://[2001:db8::1]:5555").is_loopback);
  for (const char* all : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1"}) {
    EXPECT_TRUE(parse_tcp_address(all).is_wildcard) << all;
    EXPECT_FALSE(parse_tcp_address(all).is_loopback) << all;
  }
}

TEST(TcpAddress, RefusesOtherForms) {
  for (const char* text :
       {"", "localhost:1", "ipc:///tmp/x", "tcp://", "tcp://:5", "tcp://host",
        "tcp://127.0.0.1:", "tcp://127.0.0.1:-1", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:1x"}) {
    EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { parse_tcp_address(text); }),
                HasSubstr("tcp://HOST:PORT"))
        << text;
  }
}

TEST(MayBind, LoopbackNeedsNoKeys) {
  EXPECT_NO_THROW(check_may_bind(parse_tcp_address("tcp://127.0.0.1:1"), false, false));
}

TEST(MayBind, OtherInterfacesNeedKeysOrInsistence) {
  const TcpAddress address = parse_tcp_address("tcp://10.1.2.3:1");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { check_may_bind(address, false, false); }),
              HasSubstr("midpo keygen"));
  EXPECT_NO_THROW(check_may_bind(address, true, false));
  EXPECT_NO_THROW(check_may_bind(address, false, true));
}

TEST(MayBind, EveryInterfaceIsRefusedEvenWithKeys) {
  for (const char* all : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1"}) {
    const TcpAddress address = parse_tcp_address(all);
    EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { check_may_bind(address, true, true); }),
                HasSubstr("every interface"));
  }
}

TEST(MayConnect, OtherMachinesNeedKeysOrInsistence) {
  const TcpAddress address = parse_tcp_address("tcp://10.1.2.3:1");
  EXPECT_THAT(error_text(ErrorCode::kConfig, [&] { check_may_connect(address, false, false); }),
              HasSubstr("--server-key"));
  EXPECT_NO_THROW(check_may_connect(address, true, false));
  EXPECT_NO_THROW(check_may_connect(address, false, true));
}

}  // namespace
}  // namespace midpo
