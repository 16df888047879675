// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/tokenizer.h"

#include <functional>
#include <thread>

#include <gmock/gmock.h>

#include "runtime/core/error.h"
#include "tests/models/tokenizer/toy_tokenizer.h"

namespace midpo {
namespace {

using nlohmann::json;
using test::error_of;
using test::toy_document;
using test::ToyFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::shared_ptr<const Tokenizer> load(const json& document, const json& config = json::object()) {
  const ToyFolder folder;
  folder.write("tokenizer.json", document);
  folder.write("tokenizer_config.json", config);
  return load_tokenizer(folder.path());
}

json with(const std::function<void(json&)>& change) {
  json document = toy_document();
  change(document);
  return document;
}

TEST(Tokenizer, MergesBothSpellingsAndFindsSpecialTokens) {
  const auto tokenizer = load(toy_document());
  EXPECT_THAT(tokenizer->encode("abc ab<s> a", true), ElementsAre(257, 0x20, 256, 259, 258));
  EXPECT_EQ(tokenizer->vocab_size(), 260);
}

TEST(Tokenizer, TheEmptyTextHasNoIds) {
  EXPECT_THAT(load(toy_document())->encode("", true), IsEmpty());
}

TEST(Tokenizer, BrokenTextIsRefusedByItsFirstBrokenByte) {
  const auto tokenizer = load(toy_document());
  EXPECT_THAT(error_of([&] { tokenizer->encode("ab\xFF", true); }),
              StartsWith("data: text: byte 2 is not valid UTF-8"));
}

TEST(Tokenizer, AnIdWithoutATokenGivesNoText) {
  const auto tokenizer = load(toy_document());
  for (const std::int32_t id : {-1, 260, 1 << 30}) {
    std::vector<std::int32_t> ids = tokenizer->encode("ab", false);
    const std::string text = tokenizer->decode(ids, false);
    ids.insert(ids.begin() + 1, id);
    EXPECT_EQ(tokenizer->decode(ids, false), text);
  }
}

TEST(Tokenizer, DecodingUndoesEncoding) {
  const auto tokenizer = load(toy_document());
  const std::string text = "abc \u00E9\U0001F642 <s>\n\n  x";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, true), false), text);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a<s>b", true), true), "ab");
}

TEST(Tokenizer, RolesComeFromTheConfiguration) {
  const auto tokenizer =
      load(toy_document(),
           {{"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}}}, {"pad_token", nullptr}});
  EXPECT_EQ(tokenizer->bos_id(), 259);
  EXPECT_EQ(tokenizer->eos_id(), 260);
  EXPECT_EQ(tokenizer->pad_id(), std::nullopt);
  EXPECT_EQ(tokenizer->eos_token(), "</s>");
  EXPECT_EQ(tokenizer->token_id("</s>"), 260);
  EXPECT_EQ(tokenizer->token_id("absent"), std::nullopt);
}

TEST(Tokenizer, EqualFilesHaveEqualHashes) {
  EXPECT_EQ(load(toy_document())->content(), load(toy_document())->content());
}

TEST(Tokenizer, WhateverDecidesIdsChangesTheHash) {
  const ContentHash plain = load(toy_document())->content();
  EXPECT_NE(load(with([](json& d) { d["model"]["merges"].erase(0); }))->content(), plain);
  EXPECT_NE(load(toy_document(), {{"eos_token", "</s>"}})->content(), plain);
  EXPECT_NE(load(toy_document(), {{"split_special_tokens", true}})->content(), plain);
  EXPECT_NE(load(toy_document(),
                 {{"added_tokens_decoder", {{"259", {{"content", "<s>"}, {"lstrip", true}}}}}})
                ->content(),
            plain);
}

TEST(Tokenizer, ManyThreadsGetTheSameIds) {
  const auto tokenizer = load(toy_document());
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back("abc ab<s> a " + std::to_string(i * 7919));
  std::vector<std::vector<std::int32_t>> wanted;
  for (const auto& text : texts) wanted.push_back(tokenizer->encode(text, true));
  std::vector<std::thread> threads;
  std::vector<int> num_wrong(4, 0);
  for (std::size_t t = 0; t < num_wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < texts.size(); ++i) {
          num_wrong[t] += tokenizer->encode(texts[i], true) != wanted[i];
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(num_wrong, ElementsAre(0, 0, 0, 0));
}

TEST(LoadTokenizer, AFolderWithoutOneIsRefused) {
  const ToyFolder folder;
  EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
              AllOf(StartsWith("checkpoint: " + folder.path()), HasSubstr("no tokenizer.json")));
}

TEST(LoadTokenizer, ALfsPointerIsNamedAsSuch) {
  const ToyFolder folder;
  folder.write("tokenizer.json", std::string("version https://git-lfs.github.com/spec/v1\noid"));
  EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }), HasSubstr("Git LFS pointer"));
}

TEST(LoadTokenizer, AFileThatIsNoSentencePieceModelIsRefused) {
  const ToyFolder folder;
  for (const std::string bytes : {"", "IQ== 0\nIg== 1\n", "\x0A\xFF\xFF\xFF\xFF\x0F"}) {
    folder.write("tokenizer.model", bytes);
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                HasSubstr("tokenizer.model: not a SentencePiece model"));
  }
}

TEST(LoadTokenizer, ABrokenConfigurationIsRefused) {
  const ToyFolder folder;
  folder.write("tokenizer.json", toy_document());
  for (const char* const name :
       {"added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"}) {
    folder.write(name, std::string("{\"eos_token\": 3"));
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }),
                AllOf(StartsWith("checkpoint: "), HasSubstr(name)));
  }
}

struct Refusal {
  const char* name;
  std::function<void(json&)> change;
  const char* text;
};

class TokenizerJsonRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(TokenizerJsonRefusal, NamesFileKeyAndValue) {
  EXPECT_THAT(
      error_of([] { load(with(GetParam().change)); }),
      AllOf(StartsWith("checkpoint: "), HasSubstr("tokenizer.json"), HasSubstr(GetParam().text)));
}

const json kLongLine = {{"type", "Sequence"}, {"normalizers", {{{"type", "Nmt"}}}}};

INSTANTIATE_TEST_SUITE_P(
    Documents, TokenizerJsonRefusal,
    testing::Values(
        Refusal{"NotAnObject", [](json& d) { d = 3; }, "wanted an object"},
        Refusal{"Version", [](json& d) { d["version"] = "2.0"; }, "version: is 2.0"},
        Refusal{"NoModel", [](json& d) { d.erase("model"); }, "model is missing"},
        Refusal{"Unigram", [](json& d) { d["model"]["type"] = "Unigram"; },
                "model.type: is Unigram"},
        Refusal{"Dropout", [](json& d) { d["model"]["dropout"] = 0.1; }, "model.dropout: is 0.1"},
        Refusal{"Suffix", [](json& d) { d["model"]["end_of_word_suffix"] = "</w>"; },
                "model.end_of_word_suffix: is </w>"},
        Refusal{"Prefix", [](json& d) { d["model"]["continuing_subword_prefix"] = "##"; },
                "model.continuing_subword_prefix: is ##"},
        Refusal{"NoVocab", [](json& d) { d["model"].erase("vocab"); }, "vocab is missing"},
        Refusal{"NoMerges", [](json& d) { d["model"].erase("merges"); }, "merges is missing"},
        Refusal{"NegativeId", [](json& d) { d["model"]["vocab"]["x"] = -1; },
                "model.vocab: the id of x"},
        Refusal{"HugeId", [](json& d) { d["model"]["vocab"]["x"] = 1 << 30; },
                "model.vocab: the id of x"},
        Refusal{"TextId", [](json& d) { d["model"]["vocab"]["x"] = "1"; },
                "model.vocab: the id of x"},
        Refusal{"MergeOfOne", [](json& d) { d["model"]["merges"][0] = "ab"; },
                "model.merges: the merge \"ab\""},
        Refusal{"MergeOfThree",
                [](json& d) {
                  d["model"]["merges"][0] = {"a", "b", "c"};
                },
                "model.merges"},
        Refusal{"MergeUnknown", [](json& d) { d["model"]["merges"][0] = "a zz"; },
                "model.merges: the token zz"},
        Refusal{"MergeResult", [](json& d) { d["model"]["merges"][0] = "b a"; },
                "model.merges: the token ba"},
        Refusal{"Normalizer",
                [](json& d) {
                  d["normalizer"] = {{"type", "Precompiled"}};
                },
                "normalizer: type is Precompiled"},
        Refusal{"NestedNormalizer", [](json& d) { d["normalizer"] = kLongLine; },
                "normalizer.normalizers[0]: type is Nmt"},
        Refusal{"PreTokenizer",
                [](json& d) {
                  d["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
                },
                "pre_tokenizer: type is BertPreTokenizer"},
        Refusal{"Behavior",
                [](json& d) {
                  d["pre_tokenizer"] = {{"type", "Split"},
                                        {"pattern", {{"String", "x"}}},
                                        {"behavior", "Sideways"},
                                        {"invert", false}};
                },
                "pre_tokenizer.behavior: is Sideways"},
        Refusal{"EmptyPattern",
                [](json& d) {
                  d["pre_tokenizer"] = {{"type", "Split"},
                                        {"pattern", {{"String", ""}}},
                                        {"behavior", "Isolated"},
                                        {"invert", false}};
                },
                "pre_tokenizer.pattern"},
        Refusal{"Scheme",
                [](json& d) {
                  d["pre_tokenizer"] = {
                      {"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "last"}};
                },
                "prepend_scheme is last"},
        Refusal{"Replacement",
                [](json& d) {
                  d["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "__"}};
                },
                "replacement is \"__\""},
        Refusal{"PostProcessor",
                [](json& d) {
                  d["post_processor"] = {{"type", "Magic"}};
                },
                "post_processor: type is Magic"},
        Refusal{"TemplateTwice",
                [](json& d) {
                  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
                  d["post_processor"] = {{"type", "TemplateProcessing"},
                                         {"single", {text, text}},
                                         {"special_tokens", json::object()}};
                },
                "post_processor.single[1]"},
        Refusal{"TemplateUnknown",
                [](json& d) {
                  d["post_processor"] = {{"type", "TemplateProcessing"},
                                         {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}},
                                         {"special_tokens", json::object()}};
                },
                "post_processor.special_tokens: the key <s> is missing"},
        Refusal{"SeparatorBehindTemplate",
                [](json& d) {
                  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
                  const json bos = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
                  const json cls = json::array({"<s>", 1});
                  d["post_processor"] = {
                      {"type", "Sequence"},
                      {"processors",
                       {{{"type", "TemplateProcessing"},
                         {"single", {bos, text}},
                         {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}}}}}},
                        {{"type", "BertProcessing"}, {"sep", cls}, {"cls", cls}}}}};
                },
                "post_processor.processors[1]: adds tokens behind a TemplateProcessing"},
        Refusal{"Decoder",
                [](json& d) {
                  d["decoder"] = {{"type", "CTC"}};
                },
                "decoder: type is CTC"},
        Refusal{"AddedTokenFlag", [](json& d) { d["added_tokens"][0].erase("lstrip"); },
                "added_tokens[0]: the key lstrip is missing"},
        Refusal{"VanishingToken",
                [](json& d) {
                  d["normalizer"] = {
                      {"type", "Replace"}, {"pattern", {{"String", "<s>"}}}, {"content", ""}};
                  d["added_tokens"][0]["normalized"] = true;
                },
                "added_tokens: <s>"}),
    [](const auto& instance) { return instance.param.name; });

TEST(LoadTokenizer, CutFilesAreRefused) {
  const std::string whole = toy_document().dump();
  const ToyFolder folder;
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    folder.write("tokenizer.json", whole.substr(0, size));
    EXPECT_THAT(error_of([&] { load_tokenizer(folder.path()); }), StartsWith("checkpoint: "));
  }
}

}  // namespace
}  // namespace midpo
