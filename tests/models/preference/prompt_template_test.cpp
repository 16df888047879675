// SPDX-License-Identifier: Apache-2.0
#include "models/preference/prompt_template.h"

#include <gtest/gtest.h>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::int32_t kBos = 256;
constexpr std::int32_t kEos = 257;

/// Bytes as ids, "</s>" as EOS (if so told), BOS in front: enough to see what the template feeds.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(bool sees_eos_text) : sees_eos_text_(sees_eos_text) {}

  std::vector<std::int32_t> encode(std::string_view text, bool add_special_tokens) const override {
    std::vector<std::int32_t> ids;
    if (add_special_tokens) ids.push_back(kBos);
    while (!text.empty()) {
      const bool is_eos = sees_eos_text_ && text.starts_with("</s>");
      ids.push_back(is_eos ? kEos : static_cast<unsigned char>(text.front()));
      text.remove_prefix(is_eos ? 4 : 1);
    }
    return ids;
  }
  std::string decode(std::span<const std::int32_t> ids, bool) const override {
    std::string text;
    for (const std::int32_t id : ids) {
      text += id == kBos ? "<s>" : id == kEos ? "</s>" : std::string(1, static_cast<char>(id));
    }
    return text;
  }
  std::int64_t vocab_size() const override { return 258; }
  std::optional<std::int32_t> token_id(std::string_view) const override { return std::nullopt; }
  std::optional<std::int32_t> bos_id() const override { return kBos; }
  std::optional<std::int32_t> eos_id() const override { return kEos; }
  std::optional<std::int32_t> pad_id() const override { return std::nullopt; }
  std::string eos_token() const override { return "</s>"; }
  const ContentHash& content() const override { return content_; }

 private:
  bool sees_eos_text_;
  ContentHash content_;
};

std::string fed(TemplateKind kind, std::vector<std::string> turns, std::string_view response,
                bool sees_eos_text = true, std::int64_t max_length = 512) {
  const auto tokenizer = std::make_shared<ByteTokenizer>(sees_eos_text);
  const PromptTemplate prompt_template(kind, tokenizer, max_length);
  return tokenizer->decode(prompt_template.encode(turns, response).ids, false);
}

TEST(PromptTemplate, TrainingJoinsAnswerAndEosWithoutSpaces) {
  EXPECT_EQ(fed(TemplateKind::kTraining, {"Hi?"}, "Yes."),
            "<s>BEGINNING OF CONVERSATION: USER: Hi? ASSISTANT:Yes.</s>");
}

TEST(PromptTemplate, PublishedPutsSpacesAroundTheAnswerAndNoEos) {
  EXPECT_EQ(fed(TemplateKind::kPublished, {"Hi?"}, "Yes."),
            "<s>BEGINNING OF CONVERSATION: USER: Hi? ASSISTANT: Yes. ");
}

TEST(PromptTemplate, EndsEachAssistantTurnOfThePromptWithEos) {
  const std::string expected =
      "<s>BEGINNING OF CONVERSATION: USER: a ASSISTANT:b</s>USER: c ASSISTANT:d</s>";
  EXPECT_EQ(fed(TemplateKind::kTraining, {"a", "b", "c"}, "d"), expected);
  EXPECT_EQ(fed(TemplateKind::kTraining, {"a", "b", "c"}, "d", false), expected);
}

TEST(PromptTemplate, AddsEosByIdWhenItsTextIsNotRecognised) {
  const PromptTemplate blind(TemplateKind::kTraining, std::make_shared<ByteTokenizer>(false), 512);
  EXPECT_FALSE(blind.recognises_eos_text());
  const std::vector<std::string> turns{"a"};
  EXPECT_EQ(blind.encode(turns, "b").ids.back(), kEos);
}

TEST(PromptTemplate, EndsAnAnswerThatEndsInEosWithAnother) {
  EXPECT_EQ(fed(TemplateKind::kTraining, {"a"}, "b</s>"),
            "<s>BEGINNING OF CONVERSATION: USER: a ASSISTANT:b</s></s>");
}

TEST(PromptTemplate, CutsOnTheRight) {
  const PromptTemplate short_template(TemplateKind::kTraining,
                                      std::make_shared<ByteTokenizer>(true), 10);
  const std::vector<std::string> turns{"a"};
  const EncodedText text = short_template.encode(turns, "b");
  EXPECT_TRUE(text.is_truncated);
  EXPECT_EQ(text.ids.size(), 10U);
  EXPECT_EQ(text.ids.front(), kBos);
}

TEST(PromptTemplate, RefusesAnUnknownName) {
  EXPECT_THROW(template_kind_from_name("chatml"), Error);
}

/// What the spans of a dialogue cover, one text a span.
std::vector<std::string> answers(const std::vector<std::string>& turns, std::string_view response,
                                 bool sees_eos_text = true, std::int64_t max_length = 512) {
  const auto tokenizer = std::make_shared<ByteTokenizer>(sees_eos_text);
  const PromptTemplate prompt_template(TemplateKind::kTraining, tokenizer, max_length);
  const EncodedDialogue dialogue = prompt_template.encode_dialogue(turns, response);
  std::vector<std::string> texts;
  for (const TokenSpan& span : dialogue.answers) {
    const auto ids = std::span(dialogue.text.ids).subspan(span.begin, span.end - span.begin);
    texts.push_back(tokenizer->decode(ids, false));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(PromptTemplate, MarksTheAnswerWithItsEos) {
  EXPECT_EQ(answers({"Hi?"}, "Yes."), Texts{"Yes.</s>"});
  EXPECT_EQ(answers({"Hi?"}, "Yes.", false), Texts{"Yes.</s>"});
}

TEST(PromptTemplate, MarksEveryAnswerOfADialogue) {
  EXPECT_EQ(answers({"a", "b", "c"}, "d"), (Texts{"b</s>", "d</s>"}));
  EXPECT_EQ(answers({"a", "b", "c"}, "d", false), (Texts{"b</s>", "d</s>"}));
}

TEST(PromptTemplate, CutsAnswersBehindTheLimit) {
  const std::size_t opening = std::string("?BEGINNING OF CONVERSATION: USER: a ASSISTANT:").size();
  EXPECT_EQ(answers({"a"}, "long", true, static_cast<std::int64_t>(opening) + 2), Texts{"lo"});
  EXPECT_EQ(answers({"a"}, "long", true, static_cast<std::int64_t>(opening)), Texts{});
  EXPECT_EQ(answers({"a", "b", "c"}, "d", true, static_cast<std::int64_t>(opening) + 2),
            Texts{"b</s>"});
}

TEST(PromptTemplate, EncodesADialogueAsItEncodesItsPair) {
  const PromptTemplate prompt_template(TemplateKind::kTraining,
                                       std::make_shared<ByteTokenizer>(true), 512);
  const std::vector<std::string> turns{"a", "b", "c"};
  EXPECT_EQ(prompt_template.encode_dialogue(turns, "d").text.ids,
            prompt_template.encode(turns, "d").ids);
}

TEST(PromptTemplate, MarksNothingUnderThePublishedTemplate) {
  const PromptTemplate published(TemplateKind::kPublished, std::make_shared<ByteTokenizer>(true),
                                 512);
  EXPECT_THROW(published.encode_dialogue(std::vector<std::string>{"a"}, "b"), Error);
}

}  // namespace
}  // namespace midpo
