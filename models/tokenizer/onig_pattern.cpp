// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/onig_pattern.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "models/tokenizer/unicode.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

/// A set of characters as the inside of a bracket class.
struct ClassBody {
  std::string members;
  bool is_negated = false;
};

bool is_general_category(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N",  "Nd", "Nl", "No", "P", "Pc",
      "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string category_members(std::string_view name) {
  return "\\p{" + std::string(name) + "}" + newer_ranges(name);
}

/// \w inside brackets: alphabetic characters, marks, decimal digits and connectors.
const std::string& class_word_members() {
  static const std::string members = "\\p{Alphabetic}" + category_members("M") +
                                     category_members("Nd") + category_members("Pc") +
                                     newer_ranges("L");
  return members;
}

/// \w on its own: also the digits and fractions of Latin-1, which Oniguruma takes in there by an
/// old table.
const std::string& word_members() {
  static const std::string members = class_word_members() + "\\xB2\\xB3\\xB9\\xBC-\\xBE";
  return members;
}

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  std::string translate() {
    while (at_ < pattern_.size()) translate_item();
    if (!groups_.empty()) fail("a group is not closed");
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kCheckpoint, where_ + ": pattern " + std::string(pattern_) + ": " +
                                            what + " (at byte " + std::to_string(at_) + ")");
  }

  bool is_at(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  char take() {
    if (at_ == pattern_.size()) fail("ends too early");
    return pattern_[at_++];
  }

  void translate_item() {
    switch (pattern_[at_]) {
      case '\\':
        start_atom();
        return translate_escape();
      case '[':
        start_atom();
        return translate_class();
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '{':
        return translate_interval();
      case '*':
      case '+':
      case '?':
        out_ += take();
        return;
      default:
        start_atom();
        do {
          out_ += take();  // all bytes of one character are one atom
        } while (at_ < pattern_.size() &&
                 (static_cast<unsigned char>(pattern_[at_]) & 0xC0) == 0x80);
    }
  }

  void start_atom() { atom_start_ = out_.size(); }

  void translate_escape() {
    ++at_;
    const char kind = take();
    if (const std::optional<ClassBody> body = class_escape(kind)) {
      out_ += (body->is_negated ? "[^" : "[") + body->members + "]";
    } else if (kind == 'b' || kind == 'B') {
      const std::string word = "[" + word_members() + "]";
      const std::string before = "(?<=" + word + ")";
      const std::string after = "(?=" + word + ")";
      const std::string not_before = "(?<!" + word + ")";
      const std::string not_after = "(?!" + word + ")";
      out_ += kind == 'b' ? "(?:" + before + not_after + "|" + not_before + after + ")"
                          : "(?:" + before + after + "|" + not_before + not_after + ")";
    } else if (kind == 'A' || kind == 'z' || kind == 'Z' || (kind >= '1' && kind <= '9')) {
      out_ += {'\\', kind};
    } else {
      translate_character_escape(kind);
    }
  }

  /// \s, \d, \w, \h, \p{...} and their negations; nothing for other escapes.
  std::optional<ClassBody> class_escape(char kind) {
    switch (kind) {
      case 's':
      case 'S':
        return ClassBody{std::string(white_space_ranges()), kind == 'S'};
      case 'd':
      case 'D':
        return ClassBody{category_members("Nd"), kind == 'D'};
      case 'w':
      case 'W':
        return ClassBody{word_members(), kind == 'W'};
      case 'h':
      case 'H':
        return ClassBody{"0-9A-Fa-f", kind == 'H'};
      case 'p':
      case 'P':
        return property(kind == 'P');
      default:
        return std::nullopt;
    }
  }

  ClassBody property(bool is_negated) {
    if (take() != '{') fail("\\p needs a name in braces");
    if (is_at("^")) {
      ++at_;
      is_negated = !is_negated;
    }
    std::string name;
    for (char c = take(); c != '}'; c = take()) name += c;
    if (name == "Han") {
      // The script itself: PCRE2 takes shared punctuation too unless told "sc".
      return {"\\p{sc:Han}\\x{2B739}\\x{2EBF0}-\\x{2EE5D}\\x{31350}-\\x{323AF}", is_negated};
    }
    if (!is_general_category(name)) {
      fail("property " + name + " is not supported, only general categories and Han are");
    }
    return {category_members(name), is_negated};
  }

  /// Escapes that stand for one character, inside and outside brackets.
  void translate_character_escape(char kind) {
    switch (kind) {
      case 'n':
      case 'r':
      case 't':
      case 'f':
      case 'a':
      case 'e':
        out_ += {'\\', kind};
        return;
      case 'v':
        out_ += "\\x0B";  // a vertical tab here, a class in PCRE2
        return;
      case 'x':
      case 'u':
        return translate_code_point(kind);
      default:
        if (std::isalnum(static_cast<unsigned char>(kind))) {
          fail(std::string("escape \\") + kind + " is not supported");
        }
        if (static_cast<unsigned char>(kind) < 0x80) out_ += '\\';
        out_ += kind;
    }
  }

  void translate_code_point(char kind) {
    std::string digits;
    const bool has_braces = kind == 'x' && is_at("{");
    if (has_braces) {
      ++at_;
      for (char c = take(); c != '}'; c = take()) digits += c;
    } else {
      for (int i = 0; i < (kind == 'x' ? 2 : 4); ++i) digits += take();
    }
    const bool is_hex = !digits.empty() && digits.size() <= 6 &&
                        std::all_of(digits.begin(), digits.end(),
                                    [](unsigned char c) { return std::isxdigit(c) != 0; });
    if (!is_hex) fail("bad code point " + digits);
    if (kind == 'x' && !has_braces && digits[0] >= '8') fail("\\x above 7F means a raw byte");
    out_ += "\\x{" + digits + "}";
  }

  void translate_class() {
    ++at_;
    out_ += '[';
    if (is_at("^")) out_ += take();
    if (is_at("]")) fail("an empty character class");
    while (!is_at("]")) {
      const char c = take();
      if (c == '\\') {
        translate_class_member(take());
      } else if (c == '[') {
        fail("a class inside a class is not supported");
      } else if (c == '&' && is_at("&")) {
        fail("intersection of classes is not supported");
      } else {
        out_ += c;
      }
    }
    out_ += take();
  }

  void translate_class_member(char kind) {
    if (kind == 'S') {
      out_ += "\\S\\x{180E}";  // which PCRE2's \S leaves out
    } else if (kind == 'b') {
      out_ += "\\x08";
    } else if (const std::optional<ClassBody> body = class_escape(kind)) {
      if (body->is_negated) fail("a negated set inside a character class is not supported");
      out_ += kind == 'w' ? class_word_members() : body->members;
    } else {
      translate_character_escape(kind);
    }
  }

  void open_group() {
    groups_.push_back(out_.size());
    out_ += take();
    if (is_at("*")) fail("nothing to repeat");
    if (!is_at("?")) return;
    for (const std::string_view opening : {"?:", "?=", "?!", "?>", "?<=", "?<!"}) {
      if (is_at(opening)) {
        out_ += opening;
        at_ += opening.size();
        return;
      }
    }
    out_ += take();
    for (char c = take(); c != ':' && c != ')'; c = take()) {
      // Ruby's m is PCRE2's s; x and named groups are not met in tokenizers.
      if (c != 'i' && c != '-' && c != 'm') fail(std::string("group option ") + c);
      out_ += c == 'm' ? 's' : c;
    }
    if (pattern_[at_ - 1] == ')') groups_.pop_back();
    out_ += pattern_[at_ - 1];
  }

  void close_group() {
    if (groups_.empty()) fail("a group is closed that was not opened");
    atom_start_ = groups_.back();
    groups_.pop_back();
    out_ += take();
  }

  /// {n}, {n,}, {,n}, {n,m}; a + behind repeats the whole, it does not make it possessive.
  void translate_interval() {
    const std::size_t end = pattern_.find('}', at_);
    const std::string_view bounds =
        end == std::string_view::npos ? "" : pattern_.substr(at_ + 1, end - at_ - 1);
    const std::size_t comma = bounds.find(',');
    const bool is_interval =
        bounds.find_first_of("0123456789") != std::string_view::npos &&
        bounds.find_first_not_of("0123456789,") == std::string_view::npos &&
        (comma == std::string_view::npos || bounds.find(',', comma + 1) == std::string_view::npos);
    if (!is_interval) {
      start_atom();
      out_ += "\\{";
      ++at_;
      return;
    }
    at_ = end + 1;
    out_ += "{" + std::string(comma == 0 ? "0" : "") + std::string(bounds) + "}";
    if (is_at("?") && comma == std::string_view::npos) fail("{n}? is ambiguous");
    if (is_at("+")) {
      out_.insert(atom_start_, "(?:");
      out_ += ")";
    }
  }

  std::string_view pattern_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_start_ = 0;       ///< where the last atom begins in out_
  std::vector<std::size_t> groups_;  ///< where each open group begins in out_
};

}  // namespace

std::string pcre2_pattern(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).translate();
}

}  // namespace midpo
