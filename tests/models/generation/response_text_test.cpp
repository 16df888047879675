// SPDX-License-Identifier: Apache-2.0
#include "models/generation/response_text.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace midpo {
namespace {

/// Tokens are pieces of text by index; token 0 is special. A piece that ends inside a character
/// decodes to U+FFFD, as real tokenizers do.
class PieceTokenizer : public Tokenizer {
 public:
  explicit PieceTokenizer(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}

  std::vector<std::int32_t> encode(std::string_view, bool) const override {
    throw std::logic_error("not needed");
  }
  std::string decode(std::span<const std::int32_t> ids, bool) const override {
    std::string bytes;
    for (std::int32_t id : ids) bytes += pieces_.at(static_cast<std::size_t>(id));
    // The only incomplete character in these tests: the first two bytes of a euro sign.
    if (bytes.ends_with("\xE2\x82")) bytes.replace(bytes.size() - 2, 2, "\xEF\xBF\xBD");
    return bytes;
  }
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(pieces_.size()); }
  std::optional<std::int32_t> token_id(std::string_view) const override { return std::nullopt; }
  std::optional<std::int32_t> bos_id() const override { return std::nullopt; }
  std::optional<std::int32_t> eos_id() const override { return 0; }
  std::optional<std::int32_t> pad_id() const override { return std::nullopt; }
  std::string eos_token() const override { return ""; }
  const ContentHash& content() const override { return content_; }

 private:
  std::vector<std::string> pieces_;
  ContentHash content_;
};

/// Bytes fall back to tokens of their own: 1 is a line feed, 2 the first byte of an emoji. As with
/// Llama 2, a run of them that is not text as a whole is U+FFFD for each.
class ByteRunTokenizer final : public PieceTokenizer {
 public:
  ByteRunTokenizer() : PieceTokenizer({"", "\n", "\xF0", "x", "END"}) {}

  std::string decode(std::span<const std::int32_t> ids, bool) const override {
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      text += is_byte(ids[i]) && is_in_broken_run(ids, i)
                  ? "\xEF\xBF\xBD"
                  : PieceTokenizer::decode(ids.subspan(i, 1), true);
    }
    return text;
  }

 private:
  static bool is_byte(std::int32_t id) { return id == 1 || id == 2; }
  static bool is_in_broken_run(std::span<const std::int32_t> ids, std::size_t i) {
    while (i > 0 && is_byte(ids[i - 1])) --i;
    bool is_broken = false;
    for (; i < ids.size() && is_byte(ids[i]); ++i) is_broken = is_broken || ids[i] == 2;
    return is_broken;
  }
};

ResponseText response(std::vector<std::string> pieces, std::vector<std::string> stops = {}) {
  return {std::make_shared<const PieceTokenizer>(std::move(pieces)), std::move(stops)};
}

TEST(ResponseText, IsTheTokensDecodedTogether) {
  ResponseText text = response({"", "Hel", "lo"});
  for (std::int32_t token : {1, 2, 0}) EXPECT_FALSE(text.push(token));
  EXPECT_EQ(text.finish(), "Hello");
  EXPECT_EQ(text.tokens().size(), 3U);
}

TEST(ResponseText, StopsAtAStringOverTokenBorders) {
  ResponseText text = response({"", "yes\nUS", "E", "R: more"}, {"\nUSER:"});
  EXPECT_FALSE(text.push(1));
  EXPECT_FALSE(text.push(2));
  EXPECT_TRUE(text.push(3));
  EXPECT_EQ(text.finish(), "yes");
}

TEST(ResponseText, StopsAtTheFirstOfSeveralStrings) {
  ResponseText text = response({"", "one END two STOP"}, {"STOP", "END"});
  EXPECT_TRUE(text.push(1));
  EXPECT_EQ(text.finish(), "one ");
}

TEST(ResponseText, AStopStringMayBeTheWholeResponse) {
  ResponseText text = response({"", "END"}, {"END"});
  EXPECT_TRUE(text.push(1));
  EXPECT_EQ(text.finish(), "");
}

TEST(ResponseText, DoesNotStopAtABeginningOnly) {
  ResponseText text = response({"", "abEN", "x"}, {"END"});
  EXPECT_FALSE(text.push(1));
  EXPECT_FALSE(text.push(2));
  EXPECT_EQ(text.finish(), "abENx");
}

TEST(ResponseText, HoldsBackWhatMayBeTheBeginningOfAStop) {
  ResponseText text = response({"", "abEN", "x"}, {"END"});
  text.push(1);
  EXPECT_EQ(text.take_settled(), "ab");
  text.push(2);
  EXPECT_EQ(text.take_settled(), "ENx");
}

TEST(ResponseText, HoldsBackIncompleteCharacters) {
  ResponseText text = response({"", "a\xE2\x82", "\xAC!"});
  text.push(1);
  EXPECT_EQ(text.take_settled(), "a");
  text.push(2);
  EXPECT_EQ(text.take_settled(), "\xE2\x82\xAC!");
}

TEST(ResponseText, FindsAStopBehindAnIncompleteCharacter) {
  ResponseText text = response({"", "a\xE2\x82", "\xAC!"}, {"\xE2\x82\xAC"});
  EXPECT_FALSE(text.push(1));
  EXPECT_TRUE(text.push(2));
  EXPECT_EQ(text.finish(), "a");
}

TEST(ResponseText, FindsAStopBeforeAnIncompleteCharacter) {
  ResponseText text = response({"", "aEND \xE2\x82"}, {"END"});
  EXPECT_TRUE(text.push(1));
  EXPECT_EQ(text.finish(), "a");
}

TEST(ResponseText, StopsBehindBytesThatAreNoCharacter) {
  ResponseText text(std::make_shared<const ByteRunTokenizer>(), {"END"});
  std::string taken;
  for (std::int32_t token : {3, 1, 2, 3, 4}) {
    EXPECT_EQ(text.push(token), token == 4);
    taken += text.take_settled();
  }
  EXPECT_EQ(text.finish(), "x\xEF\xBF\xBD\xEF\xBF\xBDx");
  EXPECT_EQ(taken, "x\n\xEF\xBF\xBD\xEF\xBF\xBDx") << "what was shown cannot be taken back";
}

TEST(ResponseText, WhatIsTakenIsTheResponse) {
  ResponseText text = response({"", "one ", "two ", "EN", "three"}, {"END", "otto"});
  std::string taken;
  for (std::int32_t token : {1, 2, 3, 4, 2, 1}) {
    text.push(token);
    taken += text.take_settled();
  }
  EXPECT_EQ(taken, text.finish());
}

}  // namespace
}  // namespace midpo
