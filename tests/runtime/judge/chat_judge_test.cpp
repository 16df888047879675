// SPDX-License-Identifier: Apache-2.0
#include "runtime/judge/chat_judge.h"

#include <gmock/gmock.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "runtime/core/error.h"

namespace midpo {
namespace {

HttpReply answer(const std::string& content) {
  const nlohmann::json body = {{"choices", {{{"message", {{"content", content}}}}}}};
  return {200, body.dump(), "", std::chrono::seconds(0)};
}

HttpReply status(int code) { return {code, "no", "", std::chrono::seconds(0)}; }

/// A judge whose endpoint gives these replies, one after the other.
class Endpoint {
 public:
  explicit Endpoint(std::deque<HttpReply> replies) : replies_(std::move(replies)) {}

  PairVerdict compare() {
    ChatJudgeOptions options;
    options.url = "http://judge";
    options.model = "m";
    options.api_key = "secret";
    options.max_attempts = 3;
    options.first_pause = std::chrono::milliseconds(1);
    options.deadline = deadline;
    const ChatJudge judge(options,
                          [this](const std::string& body, std::chrono::milliseconds timeout) {
                            bodies.push_back(body);
                            timeouts.push_back(timeout);
                            HttpReply reply = replies_.front();
                            replies_.pop_front();
                            return reply;
                          });
    return judge.compare("the request", "first answer", "second answer");
  }

  std::vector<std::string> bodies;
  std::vector<std::chrono::milliseconds> timeouts;
  std::chrono::milliseconds deadline{600'000};

 private:
  std::deque<HttpReply> replies_;
};

TEST(ChatJudge, CountsAVerdictThatHoldsInBothOrders) {
  Endpoint endpoint(
      {answer(R"({"helpful": "A", "safe": "B"})"), answer(R"({"helpful": "B", "safe": "A"})")});
  const PairVerdict verdict = endpoint.compare();
  EXPECT_EQ(verdict.helpful, Preference::kFirst);
  EXPECT_EQ(verdict.safe, Preference::kSecond);
}

TEST(ChatJudge, CallsAPreferenceForThePlaceATie) {
  Endpoint endpoint(
      {answer(R"({"helpful": "A", "safe": "tie"})"), answer(R"({"helpful": "A", "safe": "tie"})")});
  const PairVerdict verdict = endpoint.compare();
  EXPECT_EQ(verdict.helpful, Preference::kTie);
  EXPECT_EQ(verdict.safe, Preference::kTie);
}

TEST(ChatJudge, AsksWithTheAnswersInBothOrders) {
  Endpoint endpoint(
      {answer(R"({"helpful": "A", "safe": "A"})"), answer(R"({"helpful": "B", "safe": "B"})")});
  endpoint.compare();
  ASSERT_EQ(endpoint.bodies.size(), 2U);
  EXPECT_LT(endpoint.bodies[0].find("first answer"), endpoint.bodies[0].find("second answer"));
  EXPECT_LT(endpoint.bodies[1].find("second answer"), endpoint.bodies[1].find("first answer"));
}

TEST(ChatJudge, FindsTheObjectInWhatTheModelSays) {
  const std::string words = "I think:\n```json\n{\"helpful\": \"tie\", \"safe\": \"A\"}\n```";
  const std::string crossed = "{\"helpful\": \"tie\", \"safe\": \"B\"} is my answer.";
  Endpoint endpoint({answer(words), answer(crossed)});
  EXPECT_EQ(endpoint.compare().safe, Preference::kFirst);
}

TEST(ChatJudge, FindsTheObjectAmongOtherBraces) {
  const std::string thought =
      "<think>Is {x} in {A, B}?</think>{\"helpful\": \"A\", \"safe\": \"A\"}";
  const std::string nested = R"({"helpful": "B", "safe": "B", "why": {"length": 1}})";
  Endpoint endpoint({answer(thought), answer(nested)});
  const PairVerdict verdict = endpoint.compare();
  EXPECT_EQ(verdict.helpful, Preference::kFirst);
  EXPECT_EQ(verdict.safe, Preference::kFirst);
}

TEST(ChatJudge, LetsNoRequestTakeLongerThanItsComparisonMay) {
  Endpoint endpoint(
      {answer(R"({"helpful": "A", "safe": "A"})"), answer(R"({"helpful": "B", "safe": "B"})")});
  endpoint.deadline = std::chrono::milliseconds(2'000);
  endpoint.compare();
  EXPECT_THAT(endpoint.timeouts, testing::SizeIs(2));
  EXPECT_THAT(endpoint.timeouts, testing::Each(testing::Le(endpoint.deadline)));
}

TEST(ChatJudge, TriesAgainAfterFailuresThatMayPass) {
  HttpReply unreachable;
  unreachable.failure = "Connection";
  Endpoint endpoint({status(503), unreachable, answer(R"({"helpful": "A", "safe": "A"})"),
                     status(429), answer("hm"), answer(R"({"helpful": "B", "safe": "B"})")});
  EXPECT_EQ(endpoint.compare().helpful, Preference::kFirst);
  EXPECT_EQ(endpoint.bodies.size(), 6U);
}

TEST(ChatJudge, GivesUpAfterTheLastAttempt) {
  Endpoint endpoint({status(500), status(500), status(500)});
  try {
    endpoint.compare();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kTransport);
    EXPECT_THAT(error.what(), testing::HasSubstr("status 500"));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("secret")));
  }
}

TEST(ChatJudge, FailsAtOnceWhereTheRequestIsRefused) {
  Endpoint endpoint({status(401)});
  EXPECT_THROW(endpoint.compare(), Error);
  EXPECT_EQ(endpoint.bodies.size(), 1U);
}

TEST(ChatJudge, ShowsAnAnswerItCannotRead) {
  Endpoint endpoint({answer("both are fine"), answer("both"), answer("fine indeed")});
  try {
    endpoint.compare();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), testing::HasSubstr("fine indeed"));
  }
}

}  // namespace
}  // namespace midpo
