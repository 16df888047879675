// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/added_tokens.h"

#include <algorithm>

#include "models/tokenizer/unicode.h"
#include "models/tokenizer/utf8.h"

namespace midpo {
namespace {

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::size_t at = previous_character(text, text.size());
  return is_word_character(next_code_point(text, at));
}

bool starts_with_word(std::string_view text) {
  std::size_t at = 0;
  return !text.empty() && is_word_character(next_code_point(text, at));
}

/// Where the white space at the end of text[0, end) begins, not before `limit`.
std::size_t space_begin(std::string_view text, std::size_t limit, std::size_t end) {
  while (end > limit) {
    const std::size_t start = previous_character(text, end);
    std::size_t at = start;
    if (!is_white_space(next_code_point(text, at))) break;
    end = start;
  }
  return end;
}

std::size_t space_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::size_t next = at;
    if (!is_white_space(next_code_point(text, next))) break;
    at = next;
  }
  return at;
}

}  // namespace

const std::uint32_t* TextFinder::child(std::uint32_t node, char c) const {
  const auto& children = nodes_[node].children;
  const auto found = std::find_if(children.begin(), children.end(),
                                  [c](const auto& entry) { return entry.first == c; });
  return found == children.end() ? nullptr : &found->second;
}

bool TextFinder::add(std::string_view text, std::int32_t value) {
  std::uint32_t node = 0;
  for (const char c : text) {
    const std::uint32_t* next = child(node, c);
    if (next) {
      node = *next;
      continue;
    }
    const auto created = static_cast<std::uint32_t>(nodes_.size());
    nodes_[node].children.push_back({c, created});
    nodes_.emplace_back();
    node = created;
  }
  if (nodes_[node].value != kNoValue) return false;
  nodes_[node].value = value;
  if (first_bytes_.find(text[0]) == std::string::npos) first_bytes_ += text[0];
  is_first_byte_[static_cast<unsigned char>(text[0])] = true;
  return true;
}

std::optional<TextFinder::Match> TextFinder::find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (first_bytes_.size() == 1) {
      begin = text.find(first_bytes_[0], begin);
      if (begin == std::string_view::npos) return std::nullopt;
    } else if (!is_first_byte_[static_cast<unsigned char>(text[begin])]) {
      continue;
    }
    std::optional<Match> longest;
    const std::uint32_t* node = child(0, text[begin]);
    for (std::size_t end = begin + 1; node; ++end) {
      if (nodes_[*node].value != kNoValue) longest = {begin, end, nodes_[*node].value};
      node = end < text.size() ? child(*node, text[end]) : nullptr;
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

bool AddedTokens::add(const AddedToken& token, std::int32_t id,
                      const std::string& normalized_content) {
  const auto index = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back({token, id});
  return token.normalized ? normalized_.add(normalized_content, index)
                          : raw_.add(token.content, index);
}

bool AddedTokens::is_hidden(const AddedToken& token, std::string_view text,
                            const TextFinder::Match& match) const {
  if (ignores_special_ && token.special) return true;
  return token.single_word &&
         (ends_with_word(text.substr(0, match.begin)) || starts_with_word(text.substr(match.end)));
}

void AddedTokens::split(std::string_view text, bool is_normalized,
                        std::vector<Piece>& pieces) const {
  pieces.clear();
  const TextFinder& finder = is_normalized ? normalized_ : raw_;
  std::size_t done = 0;
  const auto append_text = [&](std::size_t end) {
    if (done < end) pieces.push_back({text.substr(done, end - done), done, kText});
  };
  std::optional<TextFinder::Match> match;
  if (!finder.is_empty()) match = finder.find(text, 0);
  for (; match; match = finder.find(text, match->end)) {
    const auto& [token, id] = tokens_[static_cast<std::size_t>(match->value)];
    if (is_hidden(token, text, *match)) continue;
    const std::size_t begin =
        token.lstrip ? std::max(done, space_begin(text, done, match->begin)) : match->begin;
    append_text(begin);
    const std::size_t end = token.rstrip ? space_end(text, match->end) : match->end;
    if (begin >= end) continue;  // white space that the token before has taken already
    pieces.push_back({{}, begin, id});
    done = end;
  }
  append_text(text.size());
}

}  // namespace midpo
