// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "models/tokenizer/byte_level.h"
#include "models/tokenizer/replacement.h"
#include "models/tokenizer/utf8.h"

namespace midpo {
namespace {

using Tokens = std::vector<std::string>;

class ByteLevelStep : public DecoderStep {
 public:
  void apply(Tokens& tokens, RegexScratch&) const override {
    std::string bytes;
    // Added tokens need not be written in the byte alphabet; those stand for themselves.
    for (const std::string& token : tokens) bytes += bytes_of_characters(token).value_or(token);
    std::string text;
    append_lossy(text, bytes);
    tokens.assign(1, std::move(text));
  }
};

class MetaspaceStep : public DecoderStep {
 public:
  explicit MetaspaceStep(const JsonNode& node)
      : replacement_(node.string("replacement")),
        drops_first_(node.optional_string("prepend_scheme").value_or("always") != "never") {
    if (replacement_.empty()) node.fail("replacement is empty");
  }

  void apply(Tokens& tokens, RegexScratch&) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string spaced;
      append_replaced(spaced, tokens[i], replacement_, i == 0 && drops_first_ ? "" : " ");
      tokens[i] = std::move(spaced);
    }
  }

 private:
  std::string replacement_;
  bool drops_first_;
};

class ReplaceStep : public DecoderStep {
 public:
  explicit ReplaceStep(const JsonNode& node) : replacement_(node) {}
  void apply(Tokens& tokens, RegexScratch& scratch) const override {
    std::string replaced;
    for (std::string& token : tokens) {
      if (replacement_.apply(token, replaced, scratch)) token = replaced;
    }
  }

 private:
  Replacement replacement_;
};

/// The byte in "<0x41>"; nothing for other tokens.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  // As Rust reads a number: a sign is allowed before the digit.
  const char* digits = token.data() + (token[3] == '+' ? 4 : 3);
  const char* end = token.data() + 5;
  int byte = 0;
  const auto [stop, error] = std::from_chars(digits, end, byte, 16);
  if (error != std::errc() || stop != end || byte < 0) return std::nullopt;
  return static_cast<char>(byte);
}

class ByteFallbackStep : public DecoderStep {
 public:
  void apply(Tokens& tokens, RegexScratch&) const override {
    Tokens result;
    std::string bytes;
    for (std::string& token : tokens) {
      if (const auto byte = fallback_byte(token)) {
        bytes += *byte;
      } else {
        flush(bytes, result);
        result.push_back(std::move(token));
      }
    }
    flush(bytes, result);
    tokens = std::move(result);
  }

 private:
  static void flush(std::string& bytes, Tokens& result) {
    if (bytes.empty()) return;
    if (is_utf8(bytes)) {
      result.push_back(bytes);
    } else {
      result.insert(result.end(), bytes.size(), "\xEF\xBF\xBD");
    }
    bytes.clear();
  }
};

class FuseStep : public DecoderStep {
 public:
  void apply(Tokens& tokens, RegexScratch&) const override {
    std::string text;
    for (const std::string& token : tokens) text += token;
    tokens.assign(1, std::move(text));
  }
};

class StripStep : public DecoderStep {
 public:
  explicit StripStep(const JsonNode& node)
      : content_(node.string("content")),
        start_(node.at("start").integer()),
        stop_(node.at("stop").integer()) {
    if (content_.empty()) node.fail("content is empty");
  }

  void apply(Tokens& tokens, RegexScratch&) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (std::int64_t i = 0; i < start_ && rest.starts_with(content_); ++i) {
        rest.remove_prefix(content_.size());
      }
      for (std::int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i) {
        rest.remove_suffix(content_.size());
      }
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
};

std::size_t total_size(const Tokens& tokens) {
  std::size_t size = 0;
  for (const std::string& token : tokens) size += token.size();
  return size;
}

std::unique_ptr<const DecoderStep> make_step(const JsonNode& node) {
  const std::string type = node.string("type");
  if (type == "ByteLevel") return std::make_unique<ByteLevelStep>();
  if (type == "Metaspace") return std::make_unique<MetaspaceStep>(node);
  if (type == "Replace") return std::make_unique<ReplaceStep>(node);
  if (type == "ByteFallback") return std::make_unique<ByteFallbackStep>();
  if (type == "Fuse") return std::make_unique<FuseStep>();
  if (type == "Strip") return std::make_unique<StripStep>(node);
  node.fail("type is " + type +
            "; supported are Sequence, ByteLevel, Metaspace, Replace, ByteFallback, Fuse and "
            "Strip");
}

}  // namespace

TokenDecoder::TokenDecoder(const JsonNode& node) : joins_with_spaces_(false) { add_steps(node); }

void TokenDecoder::add_steps(const JsonNode& node) {
  if (node.string("type") != "Sequence") {
    steps_.push_back(make_step(node));
    return;
  }
  for (const JsonNode& element : node.at("decoders").elements()) add_steps(element);
}

std::string TokenDecoder::decode(std::vector<std::string> tokens) const {
  RegexScratch scratch;
  const std::size_t size = total_size(tokens);
  for (const auto& step : steps_) {
    step->apply(tokens, scratch);
    require_sane_growth(total_size(tokens), size);
  }
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && joins_with_spaces_) text += ' ';
    text += tokens[i];
  }
  return text;
}

}  // namespace midpo
