// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/http_post.h"

#include <gmock/gmock.h>
#include <httplib.h>

#include <thread>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::chrono::milliseconds kAmple{5'000};

/// A server on a free port of the loopback interface.
class LocalServer {
 public:
  LocalServer() : port_(server.bind_to_any_port("127.0.0.1")) {
    thread_ = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~LocalServer() {
    server.stop();
    thread_.join();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  httplib::Server server;

 private:
  int port_;
  std::thread thread_;
};

TEST(HttpPost, SendsBodyAndKeyAndReadsTheAnswer) {
  LocalServer local;
  std::string key;
  local.server.Post("/v1/ask", [&](const httplib::Request& request, httplib::Response& response) {
    key = request.get_header_value("Authorization");
    response.set_content("got " + request.body, "text/plain");
  });
  const HttpReply reply = post_json(local.url("/v1/ask"), "k", "{}", kAmple);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "got {}");
  EXPECT_EQ(key, "Bearer k");
}

TEST(HttpPost, ReadsHowLongToWait) {
  LocalServer local;
  local.server.Post("/", [](const httplib::Request&, httplib::Response& response) {
    response.status = 429;
    response.set_header("Retry-After", "7");
  });
  const HttpReply reply = post_json(local.url("/"), "", "{}", kAmple);
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.retry_after, std::chrono::seconds(7));
}

TEST(HttpPost, ReportsAHostThatDoesNotAnswer) {
  const HttpReply reply = post_json("http://127.0.0.1:1/", "", "{}", kAmple);
  EXPECT_EQ(reply.status, 0);
  EXPECT_FALSE(reply.failure.empty());
}

TEST(HttpPost, ReportsAServerThatIsTooSlow) {
  LocalServer local;
  local.server.Post("/", [](const httplib::Request&, httplib::Response&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
  });
  const HttpReply reply = post_json(local.url("/"), "", "{}", std::chrono::milliseconds(100));
  EXPECT_EQ(reply.status, 0);
  EXPECT_FALSE(reply.failure.empty());
}

/// Sends `piece` every few milliseconds until nobody listens.
void answer_without_end(httplib::Server& server, const std::string& piece) {
  server.Post("/", [piece](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("text/plain", [piece](std::size_t, auto& sink) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return sink.write(piece.data(), piece.size());
    });
  });
}

TEST(HttpPost, ReportsAnAnswerThatDoesNotEnd) {
  LocalServer local;
  answer_without_end(local.server, "x");
  const HttpReply reply = post_json(local.url("/"), "", "{}", std::chrono::milliseconds(200));
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.failure, "the answer did not end in time");
}

TEST(HttpPost, ReportsAnAnswerThatIsTooLong) {
  LocalServer local;
  answer_without_end(local.server, std::string(4 << 20, 'x'));
  const HttpReply reply = post_json(local.url("/"), "", "{}", kAmple);
  EXPECT_EQ(reply.status, 0);
  EXPECT_EQ(reply.failure, "the answer has more than 16 MiB");
}

TEST(HttpPost, RefusesWhatIsNotAnAddress) {
  for (const char* url :
       {"judge/v1", "ftp://host/x", "http://", "http:///path", "http://host", ""}) {
    EXPECT_THROW(post_json(url, "", "{}", kAmple), Error) << url;
  }
}

}  // namespace
}  // namespace midpo
