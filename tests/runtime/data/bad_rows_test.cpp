// SPDX-License-Identifier: Apache-2.0
// Every way a row can be bad: it is refused at its own line with a reason that says why, and the
// rows around it are read as if nothing had been.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/runtime/data/data_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

struct BadKind {
  const char* name;
  std::string row;
  const char* reason;
};

std::string name_of(const ::testing::TestParamInfo<BadKind>& info) { return info.param.name; }
void PrintTo(const BadKind& kind, std::ostream* stream) { *stream << kind.name; }

/// A row that is good but for what `fields` adds.
std::string pair_with(const std::string& fields) {
  return R"({"prompt": "p", "response_0": "a", "response_1": "b", )" + fields + "}";
}

std::string ids_with(const std::string& response_1_ids) {
  return R"({"prompt_ids": [1], "response_0_ids": [2], "response_1_ids": )" + response_1_ids + "}";
}

std::string trl(const std::string& prompt, const std::string& chosen) {
  return R"({"prompt": )" + prompt + R"(, "chosen": )" + chosen + R"(, "rejected": "r"})";
}

std::string conversations(const std::string& chosen, const std::string& rejected) {
  return R"({"chosen": )" + chosen + R"(, "rejected": )" + rejected + "}";
}

const std::string kUser = R"({"role": "user", "content": "u"})";
const std::string kAssistant = R"({"role": "assistant", "content": "a"})";

std::string nested(std::size_t depth) {
  return pair_with("\"x\": " + std::string(depth, '[') + std::string(depth, ']'));
}

class BadRows : public ::testing::TestWithParam<BadKind> {};

TEST_P(BadRows, AreRefusedAtTheirLineWithAReason) {
  const TemporaryFolder folder;
  const std::string good(kGoodRow);
  const std::string path =
      folder.write("rows.jsonl", good + "\n" + GetParam().row + "\n" + good + "\n");

  const AllRows all = read_all({path});

  ASSERT_EQ(all.bad_rows.size(), 1u);
  const BadRow& bad = all.bad_rows.front();
  EXPECT_EQ(bad.position.line, 2u);
  EXPECT_EQ(bad.row, 1u);
  EXPECT_EQ(bad.raw, GetParam().row);
  EXPECT_THAT(bad.reason, HasSubstr(GetParam().reason));
  EXPECT_NO_THROW(nlohmann::json(bad.reason).dump()) << "the reason must be valid UTF-8";
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[1].row, 2u);
  EXPECT_EQ(all.rows[1].position.line, 3u);
}

const BadKind kMalformed[] = {
    {"CutInsideString", R"({"prompt": "p", "response_0": "a)", "malformed JSON at byte"},
    {"CutInsideEscape", R"({"prompt": "p\)", "malformed JSON at byte"},
    {"CutInsideUnicodeEscape", R"({"prompt": "p\u00"})", "malformed JSON at byte"},
    {"CutInsideUtf8", "{\"prompt\": \"p\xE2\x82", "ill-formed UTF-8"},
    {"CutAfterColon", R"({"prompt":)", "malformed JSON at byte"},
    {"CutAfterComma", R"({"prompt": "p",)", "malformed JSON at byte"},
    {"CutBeforeBrace", R"({"prompt": "p", "response_0": "a", "response_1": "b")", "unexpected end"},
    {"InvalidUtf8", "{\"prompt\": \"\xFF\"}", "ill-formed UTF-8"},
    {"OverlongUtf8", "{\"prompt\": \"\xC0\xAF\"}", "ill-formed UTF-8"},
    {"Utf8Surrogate", "{\"prompt\": \"\xED\xA0\x80\"}", "ill-formed UTF-8"},
    {"InvalidUtf8InExtraField", pair_with("\"x\": \"\x80\""), "ill-formed UTF-8"},
    {"LoneHighSurrogate", pair_with(R"("x": "\ud800")"), "surrogate"},
    {"LoneLowSurrogate", pair_with(R"("x": "\udc00")"), "surrogate"},
    {"HighSurrogateTwice", pair_with(R"("x": "\ud800\ud800")"), "surrogate"},
    {"LoneSurrogateInKey", pair_with(R"("\ud800": 1)"), "surrogate"},
    {"NulByteInString", pair_with(std::string("\"x\": \"\0\"", 8)), "is NUL"},
    {"NulByteOutside", std::string(kGoodRow) + std::string(1, '\0'), "is NUL"},
    {"ControlByteInString", pair_with("\"x\": \"a\tb\""), "control character"},
    {"UnknownEscape", pair_with(R"("x": "\q")"), "malformed JSON at byte"},
    {"NotANumber", pair_with(R"("x": NaN)"), R"(the field "x" holds NaN or Infinity)"},
    {"Infinity", pair_with(R"("x": -Infinity)"), R"(the field "x" holds NaN)"},
    {"NotANumberInList", pair_with(R"("x": [1, NaN])"), "byte 64 holds NaN or Infinity"},
    {"LeadingZero", pair_with(R"("x": 01)"), "malformed JSON at byte"},
    {"LeadingPlus", pair_with(R"("x": +1)"), "malformed JSON at byte"},
    {"BareFraction", pair_with(R"("x": .5)"), "malformed JSON at byte"},
    {"TrailingPoint", pair_with(R"("x": 1.)"), "malformed JSON at byte"},
    {"EmptyExponent", pair_with(R"("x": 1e)"), "malformed JSON at byte"},
    {"HugeAndMalformedNumber", pair_with(R"("x": 1e400, "y": 1e+)"), "malformed JSON at byte"},
    {"HexNumber", pair_with(R"("x": 0x10)"), "malformed JSON at byte"},
    {"PythonLiteral", pair_with(R"("x": True)"), "invalid literal"},
    {"SingleQuotes", R"({'prompt': 'p'})", "malformed JSON at byte"},
    {"UnquotedKey", R"({prompt: "p"})", "malformed JSON at byte"},
    {"Comment", pair_with(R"("x": 1 /* why */)"), "malformed JSON at byte"},
    {"TrailingComma", R"({"prompt": "p", "response_0": "a", })", "malformed JSON at byte"},
    {"MissingComma", R"({"prompt": "p" "response_0": "a"})", "malformed JSON at byte"},
    {"TwoObjects", std::string(kGoodRow) + " " + std::string(kGoodRow), "malformed JSON at byte"},
    {"TrailingText", std::string(kGoodRow) + " x", "malformed JSON at byte"},
    {"UnbalancedBrace", std::string(kGoodRow) + "}", "malformed JSON at byte"},
    {"PlainText", "hello", "malformed JSON at byte"},
    {"CsvLine", "prompt,response_0,response_1", "malformed JSON at byte"},
    {"MergeConflict", "<<<<<<< HEAD", "malformed JSON at byte"},
    {"ByteOrderMarkInside", "\xEF\xBB\xBF" + std::string(kGoodRow), "malformed JSON"},
    {"TooDeep", nested(70), "nested deeper than 64 levels"},
    {"VeryDeep", nested(100'000), "nested deeper than 64 levels"},
    {"DeepAndCut", "{\"x\": " + std::string(100'000, '['), "unexpected end of input"},
};
INSTANTIATE_TEST_SUITE_P(Malformed, BadRows, ::testing::ValuesIn(kMalformed), name_of);

const BadKind kMistyped[] = {
    {"RowIsList", "[1, 2]", "the row is a list; wanted a JSON object"},
    {"RowIsText", "\"row\"", "the row is a text"},
    {"RowIsNumber", "17", "the row is an integer"},
    {"RowIsNull", "null", "the row is null"},
    {"EmptyObject", "{}", "response_0 is missing"},
    {"DuplicateKey", pair_with(R"("prompt": "q")"), R"(the key "prompt" appears twice)"},
    {"DuplicateEscapedKey", pair_with(R"("promp\u0074": "q")"), R"(the key "prompt" appears)"},
    {"DuplicateExtraKey", pair_with(R"("x": 1, "x": 1)"), R"(the key "x" appears twice)"},
    {"MissingPrompt", R"({"response_0": "a", "response_1": "b"})", "prompt is missing"},
    {"NullPrompt", R"({"prompt": null, "response_0": "a"})", "prompt is missing or null"},
    {"NumberPrompt", R"({"prompt": 1, "response_0": "a"})", "prompt is an integer; wanted"},
    {"ObjectPrompt", R"({"prompt": {}, "response_0": "a"})", "prompt is an object; wanted"},
    {"EmptyPromptList", R"({"prompt": [], "response_0": "a"})", "prompt has 0 turns"},
    {"EvenPromptList", R"({"prompt": ["a", "b"], "response_0": "a"})", "prompt has 2 turns"},
    {"NumberInPrompt", R"({"prompt": ["a", 1, "b"], "response_0": "a"})",
     "prompt[1] is an integer"},
    {"NoResponse", R"({"prompt": "p"})", "response_0 is missing or null"},
    {"NullResponses", R"({"prompt": "p", "response_0": null})", "response_0 is missing or null"},
    {"SecondResponseOnly", R"({"prompt": "p", "response_1": "b"})", "response_0 is missing"},
    {"GapInResponses", R"({"prompt": "p", "response_0": "a", "response_2": "c"})",
     "response_1 is missing"},
    {"NumberResponse", R"({"prompt": "p", "response_0": "a", "response_1": 2})",
     "response_1 is an integer; wanted a text"},
    {"ListResponse", R"({"prompt": "p", "response_0": ["a"]})", "response_0 is a list"},
    {"TextResponses", R"({"prompt": "p", "responses": "a"})", "responses is a text; wanted a list"},
    {"NumberInResponses", R"({"prompt": "p", "responses": ["a", 1.5]})",
     "responses[1] is a number"},
    {"EmptyResponses", R"({"prompt": "p", "responses": []})", "has 0 responses"},
    {"BothResponseForms", pair_with(R"("responses": ["a"])"), "both responses and response_0"},
    {"BetterIdNegative", pair_with(R"("better_response_id": -1)"), "better_response_id is -1"},
    {"BetterIdTooLarge", pair_with(R"("better_response_id": 2)"), "is 2; wanted 0 to 1"},
    {"BetterIdText", pair_with(R"("better_response_id": "0")"), "better_response_id is a text"},
    {"BetterIdBoolean", pair_with(R"("better_response_id": true)"), "is a boolean; wanted an int"},
    {"BetterIdFraction", pair_with(R"("better_response_id": 1.0)"), "no 64-bit integer"},
    {"BetterIdHuge", pair_with(R"("better_response_id": 1e400)"), "no 64-bit integer"},
    {"BetterIdBeyondUint64", pair_with(R"("better_response_id": 18446744073709551616)"),
     "better_response_id is a number that is no 64-bit integer"},
    {"BetterIdBeyondInt64", pair_with(R"("better_response_id": 9223372036854775808)"),
     "beyond 63 bits"},
    {"SaferIdNegative", pair_with(R"("safer_response_id": -1)"), "safer_response_id is -1"},
    {"SaferIdTooLarge", pair_with(R"("safer_response_id": 2)"), "safer_response_id is 2"},
    {"SafetyNumber", pair_with(R"("is_response_0_safe": 1)"), "is an integer; wanted true or"},
    {"SafetyText", pair_with(R"("is_response_1_safe": "true")"), "is_response_1_safe is a text"},
    {"SafetyOfNoResponse", pair_with(R"("is_response_2_safe": true)"), "is_response_2_safe labels"},
    {"SafetyListShort", pair_with(R"("is_response_safe": [true])"), "has 1 entries; wanted 2"},
    {"SafetyListLong", pair_with(R"("is_response_safe": [true, true, null])"), "has 3 entries"},
    {"SafetyListMistyped", pair_with(R"("is_response_safe": [true, 0])"), "is_response_safe[1] is"},
    {"SafetyTwice", pair_with(R"("is_response_0_safe": true, "is_response_safe": [true, true])"),
     "both is_response_safe and is_response_0_safe"},
};
INSTANTIATE_TEST_SUITE_P(Mistyped, BadRows, ::testing::ValuesIn(kMistyped), name_of);

const BadKind kMistypedIds[] = {
    {"TextsAndIds", pair_with(R"("response_0_ids": [1])"), "both texts and token ids"},
    {"TextAndIds", R"({"text": "t", "ids": [1]})", "both text and ids"},
    {"PromptIdsOnly", R"({"prompt_ids": [1]})", "response_0_ids is missing"},
    {"MissingPromptIds", R"({"response_0_ids": [1]})", "prompt_ids is missing"},
    {"NegativeId", ids_with("[3, -4]"), "response_1_ids[1] is -4; wanted a token id"},
    {"IdBeyondInt32", ids_with("[2147483648]"), "response_1_ids[0] is 2147483648"},
    {"IdBeyondInt64", ids_with("[9223372036854775808]"), "beyond 63 bits; wanted a token id"},
    {"FractionId", ids_with("[1.5]"), "response_1_ids[0] is a number"},
    {"TextId", ids_with("[\"1\"]"), "response_1_ids[0] is a text"},
    {"NullId", ids_with("[null]"), "response_1_ids[0] is null"},
    {"EmptyIds", ids_with("[]"), "the token ids of response 1 are an empty list"},
    {"IdsNumber", ids_with("7"), "response_1_ids is an integer; wanted a list"},
    {"EmptyPlainIds", R"({"ids": []})", "of response 0 are an empty list"},
    {"NegativePlainId", R"({"ids": [-1]})", "ids[0] is -1"},
    {"FlatListOfLists", R"({"prompt_ids": [1], "responses_ids": [1]})", "responses_ids[0] is an"},
    {"TextNumber", R"({"text": 1})", "text is an integer"},
};
INSTANTIATE_TEST_SUITE_P(MistypedIds, BadRows, ::testing::ValuesIn(kMistypedIds), name_of);

const BadKind kTrl[] = {
    {"ChosenOnly", R"({"prompt": "p", "chosen": "c"})", "rejected is missing"},
    {"RejectedOnly", R"({"prompt": "p", "rejected": "r"})", "chosen is missing"},
    {"ChosenNumber", trl("\"p\"", "1"), "chosen is an integer"},
    {"TextsWithoutPrompt", conversations("\"c\"", "\"r\""), "prompt is missing or null"},
    {"NoTranscript", conversations(R"("\n\nHuman: u\n\nAssistant: c")", "\"r\""),
     R"(rejected does not hold it: it is no message list and no transcript)"},
    {"OtherQuestions",
     conversations(R"("\n\nHuman: u\n\nAssistant: c")", R"("\n\nHuman: v\n\nAssistant: c")"),
     "share their first 0 messages"},
    {"TranscriptsPartEarly",
     conversations(R"("\n\nHuman: u\n\nAssistant: c\n\nHuman: v\n\nAssistant: d")",
                   R"("\n\nHuman: u\n\nAssistant: r")"),
     "chosen has 3 messages after the prompt"},
    {"TranscriptEndsWithUser",
     conversations(R"("\n\nHuman: u\n\nAssistant: c")", R"("\n\nHuman: u\n\nHuman: v")"),
     R"(rejected[0].role is "user"; wanted "assistant")"},
    {"ContradictingLabel",
     R"({"prompt": "p", "chosen": "c", "rejected": "r", "better_response_id": 1})",
     "but chosen is response 0"},
    {"TwoAnswers", trl("\"p\"", "[" + kAssistant + ", " + kAssistant + "]"),
     "chosen has 2 messages"},
    {"OtherPromptRepeated", trl("\"p\"", "[" + kUser + ", " + kAssistant + "]"),
     "chosen has 2 messages"},
    {"AnswerByUser", trl("\"p\"", "[" + kUser + "]"), R"(chosen[0].role is "user"; wanted)"},
    {"SystemPrompt", trl(R"([{"role": "system", "content": "s"}])", "\"c\""),
     R"(prompt[0].role is "system"; wanted "user")"},
    {"PromptEndsWithAssistant", trl("[" + kUser + ", " + kAssistant + "]", "\"c\""),
     "prompt has 2 turns"},
    {"NoRole", trl(R"([{"content": "u"}])", "\"c\""), "prompt[0] has no role"},
    {"NoContent", trl(R"([{"role": "user"}])", "\"c\""), "prompt[0] has no content"},
    {"ContentList", trl(R"([{"role": "user", "content": []}])", "\"c\""), "content is a list"},
    {"TextAmongMessages", trl("[" + kUser + ", \"x\"]", "\"c\""),
     "prompt[1] is a text; wanted a m"},
    {"NothingShared", conversations("[" + kUser + "]", R"([{"role": "user", "content": "other"}])"),
     "share their first 0 messages"},
};
INSTANTIATE_TEST_SUITE_P(Trl, BadRows, ::testing::ValuesIn(kTrl), name_of);

const BadKind kDialogues[] = {
    {"OneMessage", R"({"messages": [{"role": "user", "content": "u"}]})", "messages has 1 entr"},
    {"EndsWithUser",
     R"({"messages": [{"role": "user", "content": "u"}, {"role": "user", "content": "v"}]})",
     R"(the last of messages[0].role is "user"; wanted "assistant")"},
    {"SystemMessage",
     R"({"messages": [{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]})",
     R"(messages[0].role is "system"; wanted "user")"},
    {"SystemMessageFirst",
     R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, )"
     R"({"role": "assistant", "content": "a"}]})",
     R"(messages[0].role is "system"; wanted "user")"},
    {"NoMessages", R"({"messages": []})", "messages has 0 entries"},
    {"MessagesText", R"({"messages": "u"})", "messages is a text; wanted a list of messages"},
    {"NoOutput", R"({"instruction": "i", "input": ""})", "output is missing or null"},
    {"InputNumber", R"({"instruction": "i", "input": 3, "output": "o"})", "input is an integer"},
};
INSTANTIATE_TEST_SUITE_P(Dialogues, BadRows, ::testing::ValuesIn(kDialogues), name_of);

TEST(BadRow, OverTheSizeLimitIsRefusedWithoutKeepingIt) {
  const TemporaryFolder folder;
  const std::string huge = pair_with("\"x\": \"" + std::string(17 << 20, 'x') + "\"");
  const std::string good(kGoodRow);
  const AllRows all =
      read_all({folder.write("rows.jsonl", good + "\n" + huge + "\n" + good + "\n")});
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_EQ(all.bad_rows[0].position.line, 2u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("longer than 16 MiB"));
  EXPECT_EQ(all.bad_rows[0].raw, huge.substr(0, 64 << 10));
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[1].position.line, 3u);
}

TEST(BadRow, OverTheSizeLimitAtTheEndOfTheFileIsRefused) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write("rows.jsonl", std::string(17 << 20, 'x'))});
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("longer than 16 MiB"));
}

TEST(BadRow, StopsTheReaderUnderKFail) {
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "rows.jsonl", std::string(kGoodRow) + "\n" + pair_with(R"("better_response_id": 2)"));
  const auto reader = open_rows({path}, 10, BadRowPolicy::kFail, {});
  const Failure failure = failure_of([&] { reader->next_block(); });
  EXPECT_EQ(failure.code, ErrorCode::kData);
  EXPECT_EQ(failure.text, path +
                              ":2: better_response_id is 2; wanted 0 to 1, one of the row's "
                              "responses; fix the row or pass --on-bad-row quarantine");
}

TEST(BadRow, OfAJobThatCannotQuarantineIsToBeFixed) {
  const TemporaryFolder folder;
  const auto reader = open_rows({folder.write("rows.jsonl", "7")}, 10, BadRowPolicy::kRefuse, {});
  const Failure failure = failure_of([&] { reader->next_block(); });
  EXPECT_THAT(failure.text, ::testing::EndsWith("; fix the row"));
}

TEST(BadRow, LacksALabelThatTheJobNeeds) {
  const TemporaryFolder folder;
  const std::string all_labels =
      R"("better_response_id": 0, "safer_response_id": 1, "is_response_0_safe": true)";
  const std::string path = folder.write(
      "rows.jsonl", pair_with(R"("safer_response_id": 1)") + "\n" +
                        pair_with(R"("better_response_id": 0, "safer_response_id": null)") + "\n" +
                        pair_with(all_labels) + "\n" +
                        pair_with(all_labels + R"(, "is_response_1_safe": false)"));
  RowRequirements requirements;
  requirements.needs_labels = true;
  const AllRows all = read_all({path}, requirements);
  ASSERT_EQ(all.bad_rows.size(), 3u);
  EXPECT_EQ(all.bad_rows[0].reason, "better_response_id is missing or null");
  EXPECT_EQ(all.bad_rows[1].reason, "safer_response_id is missing or null");
  EXPECT_EQ(all.bad_rows[2].reason, "is_response_1_safe is missing or null");
  EXPECT_EQ(all.rows.size(), 1u);
}

TEST(BadRow, HasTooFewOrTooManyResponses) {
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "rows.jsonl", std::string(R"({"prompt": "p", "response": "a"})") + "\n" +
                        R"({"prompt": "p", "responses": ["a", "b", "c", "d"]})" + "\n");
  RowRequirements requirements;
  requirements.min_responses = 2;
  requirements.max_responses = 3;
  const AllRows all = read_all({path}, requirements);
  ASSERT_EQ(all.bad_rows.size(), 2u);
  EXPECT_EQ(all.bad_rows[0].reason, "has 1 responses; this job needs at least 2");
  EXPECT_EQ(all.bad_rows[1].reason, "has 4 responses; this job takes at most 3");
}

}  // namespace
}  // namespace midpo
