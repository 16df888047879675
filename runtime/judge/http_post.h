// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace midpo {

/// What came of a request. Either a status, or the reason why there is none.
struct HttpReply {
  int status = 0;  ///< 0: no answer
  std::string body;
  std::string failure;                  ///< where status is 0
  std::chrono::seconds retry_after{0};  ///< what the server asks for; 0 if it does not
};

/// Posts JSON to an http or https address, with certificates verified. Thread-safe.
/// @param bearer   key for the Authorization header; empty: none.
/// @param timeout  of connecting, of each wait for bytes, and of the answer's body as a whole.
///   An answer of more than 16 MiB is none.
/// @throws Error(kConfig) for an address that is not http(s)://HOST[:PORT]/PATH.
HttpReply post_json(const std::string& url, const std::string& bearer, const std::string& body,
                    std::chrono::milliseconds timeout);

}  // namespace midpo
