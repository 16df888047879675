// SPDX-License-Identifier: Apache-2.0
#include "models/generation/response_text.h"

#include <algorithm>
#include <cassert>
#include <span>
#include <string_view>
#include <utility>

namespace midpo {
namespace {

/// What tokenizers write for bytes that are no character (yet).
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes at the end of `text` that could be the beginning of `stop`.
std::size_t overlap(std::string_view text, std::string_view stop) {
  std::size_t length = std::min(text.size(), stop.size() - 1);
  while (!text.ends_with(stop.substr(0, length))) --length;
  return length;
}

/// Bytes of whole characters that both begin with. That is all of `known`, unless its last bytes
/// are no character together with the next ones: a line feed and half an emoji, say.
std::size_t shared_bytes(std::string_view known, std::string_view longer) {
  if (longer.starts_with(known)) return known.size();
  std::size_t shared = 0;
  while (known[shared] == longer[shared]) ++shared;
  const auto is_continuation = [&] { return (longer[shared] & '\xC0') == '\x80'; };
  while (shared > 0 && is_continuation()) --shared;
  return shared;
}

}  // namespace

ResponseText::ResponseText(std::shared_ptr<const Tokenizer> tokenizer,
                           std::vector<std::string> stops)
    : tokenizer_(std::move(tokenizer)), stops_(std::move(stops)) {}

bool ResponseText::push(std::int32_t token) {
  assert(!has_stopped_);
  tokens_.push_back(token);
  if (stops_.empty()) return false;
  const std::size_t searched = text_.size();
  extend_text();
  return find_stop(searched);
}

std::string ResponseText::whole_characters(std::size_t begin, std::size_t end) const {
  const std::span<const std::int32_t> tokens(tokens_);
  std::string text = tokenizer_->decode(tokens.subspan(begin, end - begin), true);
  while (text.ends_with(kReplacement)) text.resize(text.size() - kReplacement.size());
  return text;
}

/// How a token reads can depend on those before it (a leading space, bytes of one character), so
/// the new text is the difference that the new tokens make to a window's.
void ResponseText::extend_text() {
  const std::string known = whole_characters(window_, num_read_);
  const std::string longer = whole_characters(window_, tokens_.size());
  if (longer.size() <= known.size()) return;
  text_.append(longer, shared_bytes(known, longer));
  window_ = num_read_;
  num_read_ = tokens_.size();
}

std::size_t ResponseText::first_stop(const std::string& text, std::size_t searched) const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t from = searched - std::min(searched, stop.size() - 1);
    first = std::min(first, text.find(stop, from));
  }
  return first;
}

bool ResponseText::find_stop(std::size_t searched) {
  const std::size_t first = first_stop(text_, searched);
  has_stopped_ = first != std::string::npos;
  if (has_stopped_) text_.resize(first);
  return has_stopped_;
}

std::string ResponseText::take_settled() {
  if (stops_.empty()) extend_text();
  std::size_t open = 0;
  for (const std::string& stop : stops_) {
    if (!has_stopped_) open = std::max(open, overlap(text_, stop));
  }
  const std::size_t end = std::max(num_taken_, text_.size() - open);
  const std::string settled = text_.substr(num_taken_, end - num_taken_);
  num_taken_ = end;
  return settled;
}

/// Where bytes turned out to be no character, what they were first read as stays in text_ only.
std::string ResponseText::finish() const {
  std::string whole = tokenizer_->decode(tokens_, true);
  if (!has_stopped_) return whole;
  const std::size_t first = first_stop(whole, 0);
  return first == std::string::npos ? text_ : whole.substr(0, first);
}

}  // namespace midpo
