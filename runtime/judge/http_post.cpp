// SPDX-License-Identifier: Apache-2.0
// The one file that includes the HTTP library.
#include "runtime/judge/http_post.h"

#include <httplib.h>

#include <charconv>

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

}  // namespace

HttpReply post_json(const std::string& url, const std::string& bearer, const std::string& body,
                    std::chrono::milliseconds timeout) {
  const Address address = split_url(url);
  httplib::Client client(address.host);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  httplib::Headers headers;
  if (!bearer.empty()) headers.emplace("Authorization", "Bearer " + bearer);
  const httplib::Result result = client.Post(address.path, headers, body, "application/json");
  HttpReply reply;
  if (!result) {
    reply.failure = httplib::to_string(result.error());
    return reply;
  }
  reply.status = result->status;
  reply.body = result->body;
  reply.retry_after = retry_after(*result);
  return reply;
}

}  // namespace midpo
