// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/small_http.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr const char* kRequest = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";

HttpPage page(const std::string& text = "the text\n") {
  return {"/page", "text/plain", [text] { return text; }};
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class SmallHttp : public testing::Test {
 protected:
  /// On a port that is free.
  void open(HttpPage served) {
    for (port_ = 23'100; !server_; ++port_) {
      try {
        server_ = SmallHttpServer::open("127.0.0.1", port_, served);
        break;
      } catch (const Error&) {
        ASSERT_LT(port_, 23'400);
      }
    }
  }

  FileDescriptor connect() const {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    const timeval patience{10, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
  }

  static void say(const FileDescriptor& socket, const std::string& text) {
    ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }

  /// Until the server hangs up.
  static std::string hear(const FileDescriptor& socket) {
    std::string all;
    std::string piece(65'536, '\0');
    while (true) {
      const ssize_t count = ::recv(socket.get(), piece.data(), piece.size(), 0);
      if (count <= 0) return all;
      all.append(piece, 0, static_cast<std::size_t>(count));
    }
  }

  std::string ask(const std::string& request) const {
    const FileDescriptor socket = connect();
    say(socket, request);
    return hear(socket);
  }

  int port_ = 0;
  std::unique_ptr<SmallHttpServer> server_;
};

TEST_F(SmallHttp, ServesItsPage) {
  open(page());
  EXPECT_EQ(ask(kRequest),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n"
            "Connection: close\r\n\r\nthe text\n");
  EXPECT_THAT(ask("GET /page?x=1 HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask("HEAD /page HTTP/1.1\r\n\r\n"), HasSubstr("Content-Length: 9\r\n"));
  EXPECT_THAT(ask("HEAD /page HTTP/1.1\r\n\r\n"), testing::EndsWith("\r\n\r\n"));
}

TEST_F(SmallHttp, ServesALargePageToASlowReader) {
  open(page(std::string(8 << 20, 'x')));
  EXPECT_GT(ask(kRequest).size(), 8u << 20);
}

TEST_F(SmallHttp, AnswersWhatItDoesNotServe) {
  open(page());
  EXPECT_THAT(ask("GET /other HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("POST /page HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  for (const char* nonsense : {"\r\n\r\n", "GET\r\n\r\n", " \r\n\r\n", "GET /page\r\n\r\n"}) {
    EXPECT_THAT(ask(nonsense), StartsWith("HTTP/1.1 400")) << nonsense;
  }
}

TEST_F(SmallHttp, HangsUpOnARequestWithoutEnd) {
  open(page());
  EXPECT_EQ(ask(std::string(9'000, 'a')), "");
}

TEST_F(SmallHttp, ServesBesideClientsThatSayNothing) {
  open(page());
  std::vector<FileDescriptor> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(connect());
  const Clock::time_point start = Clock::now();
  EXPECT_THAT(ask(kRequest), HasSubstr("the text"));
  EXPECT_LT(seconds_since(start), 1.5);
}

TEST_F(SmallHttp, HangsUpOnAClientThatTakesTooLong) {
  open(page());
  const FileDescriptor slow = connect();
  const Clock::time_point start = Clock::now();
  say(slow, "GET /pa");
  EXPECT_EQ(hear(slow), "");
  EXPECT_LT(seconds_since(start), 5.0);
}

TEST_F(SmallHttp, EndsAtOnceWhateverClientsDo) {
  open(page(std::string(64 << 20, 'x')));
  const FileDescriptor silent = connect();
  const FileDescriptor deaf = connect();
  say(deaf, kRequest);
  EXPECT_THAT(ask("GET /other HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  const Clock::time_point start = Clock::now();
  server_.reset();
  EXPECT_LT(seconds_since(start), 1.0);
}

TEST_F(SmallHttp, NamesAnAddressThatIsTaken) {
  open(page());
  try {
    SmallHttpServer::open("127.0.0.1", port_, page());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(port_) + " cannot be bound"));
  }
}

}  // namespace
}  // namespace midpo
