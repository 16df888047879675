// SPDX-License-Identifier: Apache-2.0
// Just enough HTTP to be scraped: one page, one thread, and clients that cost nothing whatever they
// do.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace midpo {

struct HttpPage {
  std::string path;  ///< of GET and HEAD; every other one is not found
  std::string content_type;
  std::function<std::string()> text;  ///< called in the server's thread
};

/// Serves the page while it lives. A client has two seconds from its connection to the last byte of
/// its reply; where there are too many, the oldest makes room. Ends at once.
class SmallHttpServer {
 public:
  /// @param host  of IPv4, as numbers. @throws Error(kTransport) if the address is taken.
  static std::unique_ptr<SmallHttpServer> open(const std::string& host, int port, HttpPage page);
  virtual ~SmallHttpServer() = default;
};

/// What is answered to a request that begins with these lines.
std::string http_reply(const HttpPage& page, const std::string& request);

}  // namespace midpo
