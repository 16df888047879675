// SPDX-License-Identifier: Apache-2.0
// The shapes of rows that are read, and what becomes of their fields.
#include <gmock/gmock.h>

#include "tests/runtime/data/data_folder.h"

namespace midpo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(RowShape, ReadsAPairWithItsLabels) {
  const PreferenceRow row = read_one(
      R"({"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": 1,
          "safer_response_id": 0, "is_response_0_safe": true, "is_response_1_safe": false})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("p"));
  EXPECT_THAT(row.responses, ElementsAre("a", "b"));
  EXPECT_THAT(row.better_response_id, Optional(1));
  EXPECT_THAT(row.safer_response_id, Optional(0));
  EXPECT_THAT(row.is_response_safe, ElementsAre(Optional(true), Optional(false)));
  EXPECT_FALSE(row.is_tokenized());
  EXPECT_FALSE(row.is_plain_text);
}

TEST(RowShape, ReadsNumberedResponsesInTheirOrder) {
  const PreferenceRow row = read_one(
      R"({"response_2": "c", "response_10": "k", "response_1": "b", "response_0": "a",
          "response_3": "d", "response_4": "e", "response_5": "f", "response_6": "g",
          "response_7": "h", "response_8": "i", "response_9": "j", "prompt": "p"})");
  EXPECT_THAT(row.responses, ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"));
}

TEST(RowShape, ReadsAListOfResponsesWithAListOfLabels) {
  const PreferenceRow row = read_one(
      R"({"prompt": "p", "responses": ["a", "b", "c"], "is_response_safe": [true, null, false],
          "better_response_id": 2})");
  EXPECT_THAT(row.responses, ElementsAre("a", "b", "c"));
  EXPECT_THAT(row.is_response_safe, ElementsAre(Optional(true), std::nullopt, Optional(false)));
  EXPECT_THAT(row.better_response_id, Optional(2));
}

TEST(RowShape, TreatsNullLabelsAsAbsent) {
  const PreferenceRow row = read_one(
      R"({"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": null,
          "is_response_1_safe": null})");
  EXPECT_EQ(row.better_response_id, std::nullopt);
  EXPECT_THAT(row.is_response_safe, ElementsAre(std::nullopt, std::nullopt));
}

TEST(RowShape, ReadsMinusZeroAsZero) {
  const PreferenceRow row = read_one(
      R"({"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": -0})");
  EXPECT_THAT(row.better_response_id, Optional(0));
}

TEST(RowShape, ReadsAConversationAsPrompt) {
  const PreferenceRow row = read_one(R"({"prompt": ["u", "a", "v"], "response": "r"})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u", "a", "v"));
  EXPECT_THAT(row.responses, ElementsAre("r"));
}

TEST(RowShape, KeepsEmptyTexts) {
  const PreferenceRow row = read_one(R"({"prompt": "", "response": ""})");
  EXPECT_THAT(row.prompt_turns, ElementsAre(""));
  EXPECT_THAT(row.responses, ElementsAre(""));
}

TEST(RowShape, DecodesEscapesInTexts) {
  const PreferenceRow row =
      read_one(R"({"prompt": "\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "response": "\u0000"})");
  EXPECT_EQ(row.prompt_turns.front(), "\"\\/\b\f\n\r\t\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_EQ(row.responses.front(), std::string(1, '\0'));
}

TEST(RowShape, RecognisesEscapedKeys) {
  const PreferenceRow row = read_one(R"({"\u0070rompt": "p", "response": "r"})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("p"));
}

TEST(RowShape, ReadsTokenIds) {
  const PreferenceRow row = read_one(
      R"({"prompt_ids": [1, 2], "response_0_ids": [3], "response_1_ids": [2147483647, 0],
          "safer_response_id": 1})");
  EXPECT_TRUE(row.is_tokenized());
  EXPECT_THAT(row.prompt_ids, ElementsAre(1, 2));
  EXPECT_THAT(row.response_ids, ElementsAre(ElementsAre(3), ElementsAre(2147483647, 0)));
  EXPECT_THAT(row.safer_response_id, Optional(1));
  EXPECT_EQ(row.num_responses(), 2u);
}

TEST(RowShape, ReadsAListOfTokenIdLists) {
  for (const char* name : {"responses_ids", "response_ids"}) {
    const PreferenceRow row =
        read_one(std::string(R"({"prompt_ids": [], ")") + name + R"(": [[1], [2], [3, 4]]})");
    EXPECT_THAT(row.response_ids, ElementsAre(ElementsAre(1), ElementsAre(2), ElementsAre(3, 4)));
  }
}

TEST(RowShape, ReadsTheTokenIdsOfOneResponse) {
  const PreferenceRow row = read_one(R"({"prompt_ids": [1], "response_ids": [2, 3]})");
  EXPECT_THAT(row.prompt_ids, ElementsAre(1));
  EXPECT_THAT(row.response_ids, ElementsAre(ElementsAre(2, 3)));
}

TEST(RowShape, TakesATextVerbatim) {
  const PreferenceRow row = read_one(R"({"text": "BEGINNING"})");
  EXPECT_TRUE(row.is_plain_text);
  EXPECT_THAT(row.prompt_turns, IsEmpty());
  EXPECT_THAT(row.responses, ElementsAre("BEGINNING"));
}

TEST(RowShape, TakesIdsWithoutAPrompt) {
  const PreferenceRow row = read_one(R"({"ids": [5, 6]})");
  EXPECT_THAT(row.prompt_ids, IsEmpty());
  EXPECT_THAT(row.response_ids, ElementsAre(ElementsAre(5, 6)));
}

TEST(RowShape, CarriesColumnsNamedTextAndIdsBesideResponses) {
  const PreferenceRow row =
      read_one(R"({"prompt": "p", "response": "r", "text": 1, "ids": "row-17"})");
  EXPECT_THAT(row.responses, ElementsAre("r"));
  EXPECT_FALSE(row.is_plain_text);
}

TEST(RowShape, TakesChosenAsResponseZeroAndBetter) {
  const PreferenceRow row = read_one(R"({"prompt": "p", "chosen": "c", "rejected": "r"})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("p"));
  EXPECT_THAT(row.responses, ElementsAre("c", "r"));
  EXPECT_THAT(row.better_response_id, Optional(0));
}

TEST(RowShape, TakesTheWinnerOfARankingBeforeChosen) {
  const PreferenceRow row =
      read_one(R"({"prompt": "p", "chosen": "c", "rejected": "r", "cost_0": -0.5, "cost_1": -1.5,
                   "better_response_id": 1, "safer_response_id": 1})");
  EXPECT_THAT(row.responses, ElementsAre("c", "r"));
  EXPECT_THAT(row.better_response_id, Optional(1));
  EXPECT_THAT(row.safer_response_id, Optional(1));
}

TEST(RowShape, ReadsMessageLists) {
  const PreferenceRow row = read_one(
      R"({"prompt": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
                     {"content": "v", "role": "user", "weight": 1}],
          "chosen": [{"role": "assistant", "content": "c"}],
          "rejected": [{"role": "assistant", "content": "r"}]})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u", "a", "v"));
  EXPECT_THAT(row.responses, ElementsAre("c", "r"));
}

TEST(RowShape, LeavesOutAPromptThatAnswersRepeat) {
  const PreferenceRow row = read_one(
      R"({"prompt": "u",
          "chosen": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "c"}],
          "rejected": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "r"}]})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u"));
  EXPECT_THAT(row.responses, ElementsAre("c", "r"));
}

TEST(RowShape, ReadsCompletions) {
  const PreferenceRow text = read_one(R"({"prompt": "p", "completion": "c"})");
  EXPECT_THAT(text.prompt_turns, ElementsAre("p"));
  EXPECT_THAT(text.responses, ElementsAre("c"));
  const PreferenceRow messages = read_one(
      R"({"prompt": [{"role": "user", "content": "u"}],
          "completion": [{"role": "assistant", "content": "a"}]})");
  EXPECT_THAT(messages.prompt_turns, ElementsAre("u"));
  EXPECT_THAT(messages.responses, ElementsAre("a"));
}

TEST(RowShape, TakesTheLastOfAConversationAsResponse) {
  const PreferenceRow row = read_one(
      R"({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"},
          {"role": "user", "content": "v"}, {"role": "assistant", "content": "r"}]})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u", "a", "v"));
  EXPECT_THAT(row.responses, ElementsAre("r"));
}

TEST(RowShape, JoinsInstructionAndInput) {
  const PreferenceRow both =
      read_one(R"({"instruction": "Add.", "input": "1 1", "output": "2", "text": "all of it"})");
  EXPECT_THAT(both.prompt_turns, ElementsAre("Add. 1 1"));
  EXPECT_THAT(both.responses, ElementsAre("2"));
  const PreferenceRow alone = read_one(R"({"instruction": "Add.", "input": "", "output": "2"})");
  EXPECT_THAT(alone.prompt_turns, ElementsAre("Add."));
}

TEST(RowShape, TakesTheSharedMessagesAsPrompt) {
  const PreferenceRow row = read_one(
      R"({"chosen": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "c"}],
          "rejected": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "r"}]})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u"));
  EXPECT_THAT(row.responses, ElementsAre("c", "r"));
}

TEST(RowShape, KeepsAnAnswerWhereWholeConversationsAreEqual) {
  const PreferenceRow row = read_one(
      R"({"chosen": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "c"}],
          "rejected": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "c"}]})");
  EXPECT_THAT(row.responses, ElementsAre("c", "c"));
}

TEST(RowShape, TakesTheSharedTurnsOfTranscriptsAsPrompt) {
  const PreferenceRow row = read_one(
      R"({"chosen": "\n\nHuman: hi\n\nAssistant: Hello.\n\nHuman: why?\n\nAssistant: So.\n",
          "rejected": "\n\nHuman: hi\n\nAssistant: Hello.\n\nHuman: why?\n\nAssistant: a\n\nb"})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("hi", "Hello.", "why?"));
  EXPECT_THAT(row.responses, ElementsAre("So.", "a\n\nb"));
  EXPECT_THAT(row.better_response_id, Optional(0));
}

TEST(RowShape, KeepsAnEmptyAnswerOfATranscript) {
  const PreferenceRow row = read_one(R"({"chosen": "\n\nHuman: u\n\nAssistant: c",
                   "rejected": "\n\nHuman: u\n\nAssistant:"})");
  EXPECT_THAT(row.prompt_turns, ElementsAre("u"));
  EXPECT_THAT(row.responses, ElementsAre("c", ""));
}

TEST(RowShape, LeavesATranscriptBehindAnExplicitPromptAsItIs) {
  const PreferenceRow row =
      read_one(R"({"prompt": "p", "chosen": "\n\nHuman: u\n\nAssistant: c", "rejected": "r"})");
  EXPECT_THAT(row.responses, ElementsAre("\n\nHuman: u\n\nAssistant: c", "r"));
}

TEST(RowShape, PrefersResponsesOverChosenAndRejected) {
  const PreferenceRow row = read_one(
      R"({"prompt": "p", "response_0": "a", "response_1": "b", "chosen": 1, "rejected": 0})");
  EXPECT_THAT(row.responses, ElementsAre("a", "b"));
  EXPECT_EQ(row.better_response_id, std::nullopt);
}

TEST(RowJson, IsTheObjectAsWritten) {
  const TemporaryFolder folder;
  const std::string object =
      R"({"prompt":"p" ,  "response_0": "\u00e9","x":[1e400,-0,123456789012345678901234567890]})";
  const AllRows all = read_all({folder.write("rows.jsonl", " \t" + object + "  \r\n")});
  ASSERT_EQ(all.rows.size(), 1u);
  EXPECT_EQ(all.rows[0].json, object);
}

TEST(RowJson, IsOneLineWhereTheObjectStoodOnSeveral) {
  const PreferenceRow row = read_one("{\r\n  \"prompt\": \"a b\\n\",\n  \"response_0\": \"r\"\n}");
  EXPECT_EQ(row.json, R"({"prompt":"a b\n","response_0":"r"})");
}

TEST(RowJson, MayBeSixtyLevelsDeep) {
  const PreferenceRow row = read_one(R"({"prompt": "p", "response_0": "r", "deep": )" +
                                     std::string(60, '[') + std::string(60, ']') + "}");
  EXPECT_THAT(row.responses, ElementsAre("r"));
}

}  // namespace
}  // namespace midpo
