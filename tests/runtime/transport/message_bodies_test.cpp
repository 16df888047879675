// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/message_bodies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/error_text.h"

namespace midpo {
namespace {

using testing::HasSubstr;

template <typename Body>
void expect_round_trip(const Body& body) {
  EXPECT_EQ(body_of<Body>(decode(encode(to_message(body)))), body);
}

TileTask small_task() { return {.model = 1, .rows = {{{1, -2, 3}, {4}}, {{5, 6}}}}; }

template <typename Body>
std::string refusal_of(const Message& message) {
  return error_text(ErrorCode::kTransport, [&] { body_of<Body>(message); });
}

TEST(MessageBodies, SurviveARoundTrip) {
  expect_round_trip(Hello{.version = "0.1.0",
                          .name = "a:0",
                          .instance = ~std::uint64_t{0},
                          .host = "a",
                          .pid = 42,
                          .numerics = "n",
                          .devices = {"cpu", "cuda:1"},
                          .roles = {"scorer"},
                          .num_lanes = 2});
  expect_round_trip(Welcome{.models = {{"reward", "/m", "00", "fp32", ""}, {}}});
  expect_round_trip(Ready{.credits = 3, .models = {{"00", "n"}}});
  expect_round_trip(small_task());
  expect_round_trip(Failure{ErrorCode::kNumerics, "NaN in row 3"});
  expect_round_trip(Refusal{ErrorCode::kConfig, "no"});
  expect_round_trip(Goodbye{"drained"});
  expect_round_trip(Reset{"unknown"});
  expect_round_trip(WeightsPiece{7, 5, "ff", 2, 1, "a.bin", 900, 300, Frame(5)});
  expect_round_trip(Confirm{7, "ff", "ee"});
  expect_round_trip(RankTask{"tcp://a:1", 1, 4, 2, 5.0, 60.0, 30.0});
  expect_round_trip(RankEnded{"was killed by signal 9"});
  PromptTask prompts;
  prompts.version = 3;
  prompts.num_samples = 2;
  prompts.top_p = 0.5;
  prompts.stop_ids = {2, 3};
  prompts.prompts = {{8, 4, {1, 2, 3}}, {9, 5, {4}}};
  expect_round_trip(prompts);
  expect_round_trip(PromptResult{{{{{1, 2}, {}}, {{3}, {}}}, {}}, 0.5});
  expect_round_trip(PromptResult{{{{{1, 2}, {-0.5F, -1.0F}}}}, 0.5});
}

TEST(MessageBodies, KeepEveryBitOfAValue) {
  const TileResult sent{.values = {{-0.0, std::numeric_limits<double>::denorm_min()}, {1.0 / 3}},
                        .compute_seconds = 0.25,
                        .least_flops = 1e12};
  const auto got = body_of<TileResult>(decode(encode(to_message(sent))));
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(std::signbit(got.values[0][0]));
}

TEST(MessageBodies, AreRefusedUnderAnotherKind) {
  EXPECT_THAT(refusal_of<TileResult>(to_message(small_task())), HasSubstr("another kind"));
}

TEST(MessageBodies, RefuseArraysThatDoNotFitTheirLengths) {
  Message message = to_message(small_task());
  message.frames.front().resize(message.frames.front().size() - 4);
  EXPECT_THAT(refusal_of<TileTask>(message), HasSubstr("lengths exceed"));
  message.frames.front().resize(message.frames.front().size() + 8);
  EXPECT_THAT(refusal_of<TileTask>(message), HasSubstr("belong to no row"));
  message.frames.emplace_back();
  EXPECT_THAT(refusal_of<TileTask>(message), HasSubstr("number of arrays"));
}

TEST(MessageBodies, RefuseEmptyRowsAndSequences) {
  EXPECT_THROW(body_of<TileTask>(to_message(TileTask{0, {}})), Error);
  EXPECT_THROW(body_of<TileTask>(to_message(TileTask{0, {{}}})), Error);
  EXPECT_THROW(body_of<TileTask>(to_message(TileTask{0, {{{}}}})), Error);
  EXPECT_THROW(body_of<TileResult>(to_message(TileResult{{{}}, 0, 0})), Error);
}

TEST(MessageBodies, RefuseATimeThatIsNotFinite) {
  EXPECT_THROW(body_of<TileResult>(to_message(TileResult{{{1.0}}, std::nan(""), 0})), Error);
}

TEST(MessageBodies, RefuseAnUnknownErrorCode) {
  Message message = to_message(Failure{ErrorCode::kData, "x"});
  message.body.replace(message.body.find("data"), 4, "dada");
  EXPECT_THAT(refusal_of<Failure>(message), HasSubstr("unknown error code"));
}

TEST(MessageBodies, AreRefusedWhenTruncatedAnywhere) {
  const Message whole = to_message(Welcome{.models = {{"reward", "/m", "00", "fp32", "n"}}});
  for (std::size_t size = 0; size < whole.body.size(); ++size) {
    Message cut = whole;
    cut.body.resize(size);
    ASSERT_THROW(body_of<Welcome>(cut), Error) << size;
  }
}

}  // namespace
}  // namespace midpo
