// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "runtime/judge/http_post.h"
#include "runtime/judge/verdict.h"

namespace midpo {

struct ChatJudgeOptions {
  /// .../v1/chat/completions, or what stands before it: http://HOST:PORT/v1, http://HOST:PORT.
  std::string url;
  std::string model;
  std::string api_key;  ///< from the environment; never logged, never part of a message
  std::int64_t max_attempts = 5;
  std::chrono::milliseconds timeout{60'000};    ///< of one request
  std::chrono::milliseconds first_pause{500};   ///< between attempts; doubles each time
  std::chrono::milliseconds deadline{600'000};  ///< of one comparison, attempts and pauses
};

/// Compares two responses by a chat model behind an OpenAI-compatible endpoint. Each pair is asked
/// in both orders; a verdict counts only if both agree, else it is a tie: a judge that favours the
/// first place cannot tip the result. Thread-safe.
class ChatJudge {
 public:
  /// @param timeout  of this request: what is left of the comparison's deadline, or less.
  using Post = std::function<HttpReply(const std::string& body, std::chrono::milliseconds timeout)>;

  explicit ChatJudge(ChatJudgeOptions options);
  /// With another way to send the request's body, for tests.
  ChatJudge(ChatJudgeOptions options, Post post);

  /// @throws Error(kTransport) if the endpoint fails through all attempts or refuses the request;
  ///   Error(kData) if its answers cannot be read.
  PairVerdict compare(const std::string& prompt, const std::string& first,
                      const std::string& second) const;

 private:
  /// Posts the question until there is an answer, it is refused, or it is too late.
  PairVerdict ask(const std::string& body, std::chrono::steady_clock::time_point deadline) const;
  std::string request_body(const std::string& prompt, const std::string& a,
                           const std::string& b) const;

  ChatJudgeOptions options_;
  Post post_;
};

}  // namespace midpo
