// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/row_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/core/error.h"
#include "runtime/core/json_text.h"

namespace midpo {
namespace {

/// Walks the top level of a valid JSON object, member by member.
class ObjectCursor {
 public:
  explicit ObjectCursor(std::string_view json) : json_(json) {
    skip_whitespace();
    expect('{');
    skip_whitespace();
  }

  bool is_at_end() const { return peek() == '}'; }
  std::size_t position() const { return position_; }

  /// The key of the next member, quotes included; the cursor moves to its value.
  std::string_view read_key() {
    const std::size_t begin = position_;
    if (peek() != '"') fail();
    skip_string();
    const std::string_view key = json_.substr(begin, position_ - begin);
    skip_whitespace();
    expect(':');
    skip_whitespace();
    return key;
  }

  /// Moves behind the value.
  void skip_value() {
    if (peek() == '"') return skip_string();
    if (peek() != '{' && peek() != '[') {
      while (peek() != ',' && peek() != '}' && !is_whitespace(peek())) ++position_;
      return;
    }
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++position_;
    } while (depth > 0);
  }

  /// Moves to the next key or the closing brace.
  void skip_comma() {
    skip_whitespace();
    if (is_at_end()) return;
    expect(',');
    skip_whitespace();
  }

 private:
  static bool is_whitespace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::kInternal,
                "with_fields: the row is no JSON object at byte " + std::to_string(position_));
  }
  char peek() const {
    if (position_ >= json_.size()) fail();
    return json_[position_];
  }
  void expect(char wanted) {
    if (peek() != wanted) fail();
    ++position_;
  }
  void skip_whitespace() {
    while (is_whitespace(peek())) ++position_;
  }
  void skip_string() {
    const std::size_t begin = position_;
    do {
      position_ = json_.find('"', position_ + 1);
      if (position_ == std::string_view::npos) fail();
    } while (is_escaped(begin));
    ++position_;
  }
  /// Whether the quote here follows an odd number of backslashes of the string from `begin`.
  bool is_escaped(std::size_t begin) const {
    std::size_t first = position_;
    while (first > begin + 1 && json_[first - 1] == '\\') --first;
    return (position_ - first) % 2 == 1;
  }

  std::string_view json_;
  std::size_t position_ = 0;
};

/// Compares a key as written, quotes included, with a name.
bool is_key(std::string_view written, std::string_view name) {
  if (written.find('\\') == std::string_view::npos) {
    return written.substr(1, written.size() - 2) == name;
  }
  return nlohmann::json::parse(written).get<std::string>() == name;
}

}  // namespace

std::string with_fields(const std::string& json, const std::vector<JsonField>& fields) {
  std::vector<bool> is_set(fields.size());
  std::string result;
  result.reserve(json.size() + 48 * fields.size());
  ObjectCursor cursor(json);
  const bool is_empty = cursor.is_at_end();
  std::size_t copied = 0;
  std::size_t last_end = json.find('{') + 1;
  while (!cursor.is_at_end()) {
    const std::string_view key = cursor.read_key();
    const std::size_t value_begin = cursor.position();
    cursor.skip_value();
    last_end = cursor.position();
    cursor.skip_comma();
    const auto field = std::ranges::find_if(
        fields, [key](const JsonField& candidate) { return is_key(key, candidate.key); });
    if (field == fields.end()) continue;
    is_set[static_cast<std::size_t>(field - fields.begin())] = true;
    result.append(json, copied, value_begin - copied).append(field->value);
    copied = last_end;
  }
  result.append(json, copied, last_end - copied);
  const char* separator = is_empty ? "" : ", ";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (is_set[i]) continue;
    result.append(separator).append(json_string(fields[i].key)).append(": ");
    result.append(fields[i].value);
    separator = ", ";
  }
  return result.append(json, last_end);
}

std::string without_fields(const std::string& json,
                           const std::function<bool(std::string_view name)>& is_dropped) {
  std::string result;
  ObjectCursor cursor(json);
  while (!cursor.is_at_end()) {
    const std::string_view key = cursor.read_key();
    const std::size_t key_begin = static_cast<std::size_t>(key.data() - json.data());
    cursor.skip_value();
    const std::size_t value_end = cursor.position();
    cursor.skip_comma();
    if (is_dropped(key.substr(1, key.size() - 2))) continue;
    result.append(result.empty() ? "{" : ", ").append(json, key_begin, value_end - key_begin);
  }
  return result.empty() ? "{}" : result + "}";
}

std::string json_number(double value) {
  if (!std::isfinite(value)) {
    throw Error(ErrorCode::kNumerics, std::string("json_number: the value is ") +
                                          (std::isnan(value) ? "NaN" : "infinite") +
                                          ", which JSON cannot hold");
  }
  constexpr std::size_t kLongestDouble = 24;
  std::array<char, kLongestDouble> digits;
  const auto [end, status] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  std::string text(digits.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace midpo
