// SPDX-License-Identifier: Apache-2.0
// The text of a response while its tokens arrive: what can be shown, and whether it should stop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/tokenizer/tokenizer.h"

namespace midpo {

/// One response. Stop strings are found in the text, wherever token borders fall; what is from the
/// first of them on does not belong to the response. Special tokens give no text.
class ResponseText {
 public:
  /// @param stops  not empty strings.
  ResponseText(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stops);

  /// Adds a token. @return whether the text now holds a stop string: the response has ended.
  /// @throws Error(kData) for an id outside the tokenizer's vocabulary.
  bool push(std::int32_t token);

  /// What follows the text returned before and can no longer change: nothing of a character that
  /// is not complete, nothing that may be the beginning of a stop string.
  std::string take_settled();

  /// The whole response: its tokens decoded together, up to the first stop string.
  std::string finish() const;

  const std::vector<std::int32_t>& tokens() const { return tokens_; }

 private:
  /// Of tokens [begin, end), without bytes at the end that are no character yet.
  std::string whole_characters(std::size_t begin, std::size_t end) const;
  void extend_text();
  bool find_stop(std::size_t searched);
  /// Where the first stop string of `text` begins, its first `searched` bytes being without one.
  std::size_t first_stop(const std::string& text, std::size_t searched) const;

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::string> stops_;
  std::vector<std::int32_t> tokens_;
  std::string text_;        ///< of tokens [0, num_read_)
  std::size_t window_ = 0;  ///< tokens from here on decide how the next ones read
  std::size_t num_read_ = 0;
  std::size_t num_taken_ = 0;  ///< bytes of text_ already returned
  bool has_stopped_ = false;   ///< text_ is then cut before the stop string
};

}  // namespace midpo
