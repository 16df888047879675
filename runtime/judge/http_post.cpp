// SPDX-License-Identifier: Apache-2.0
// The one file that includes the HTTP library.
#include "runtime/judge/http_post.h"

#include <httplib.h>

#include <charconv>
#include <cstdint>
#include <utility>

#include "runtime/core/error.h"

namespace midpo {
namespace {

struct Address {
  std::string host;  ///< scheme and port included
  std::string path;
};

Address split_url(const std::string& url) {
  const std::size_t scheme_end = url.find("://");
  const std::string scheme = url.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  const std::size_t path = scheme.empty() ? url.size() : url.find('/', scheme_end + 3);
  const std::size_t host_bytes = std::min(path, url.size()) - (scheme.size() + 3);
  require((scheme == "http" || scheme == "https") && host_bytes > 0 && path < url.size(),
          ErrorCode::kConfig, url + ": wanted http://HOST[:PORT]/PATH or https://...");
  return {url.substr(0, path), url.substr(path)};
}

std::chrono::seconds retry_after(const httplib::Response& response) {
  const std::string text = response.get_header_value("Retry-After");
  int seconds = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(status == std::errc() ? std::max(seconds, 0) : 0);
}

/// Takes an answer's bytes up to a size and a moment: a server may send without an end.
class AnswerBody {
 public:
  explicit AnswerBody(std::chrono::milliseconds timeout)
      : deadline_(std::chrono::steady_clock::now() + timeout) {}

  bool take(const char* data, std::size_t size) {
    constexpr std::size_t kMostBytes = std::size_t{16} << 20;
    if (size > kMostBytes - text.size()) {
      failure = "the answer has more than 16 MiB";
    } else if (std::chrono::steady_clock::now() > deadline_) {
      failure = "the answer did not end in time";
    } else {
      text.append(data, size);
    }
    return failure.empty();
  }

  std::string text;
  std::string failure;

 private:
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace

HttpReply post_json(const std::string& url, const std::string& bearer, const std::string& body,
                    std::chrono::milliseconds timeout) {
  const Address address = split_url(url);
  httplib::Client client(address.host);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  httplib::Request request;
  request.method = "POST";
  request.path = address.path;
  request.headers.emplace("Content-Type", "application/json");
  if (!bearer.empty()) request.headers.emplace("Authorization", "Bearer " + bearer);
  request.body = body;
  AnswerBody answer(timeout);
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    return answer.take(data, size);
  };
  const httplib::Result result = client.send(request);
  HttpReply reply;
  if (!result) {
    reply.failure = answer.failure.empty() ? httplib::to_string(result.error()) : answer.failure;
    return reply;
  }
  reply.status = result->status;
  reply.body = std::move(answer.text);
  reply.retry_after = retry_after(*result);
  return reply;
}

}  // namespace midpo
