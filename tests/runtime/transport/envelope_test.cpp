// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "runtime/core/crc32c.h"
#include "runtime/transport/fault_plan.h"
#include "tests/support/error_text.h"

namespace midpo {
namespace {

using testing::HasSubstr;

Frame frame_of(const std::string& bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

Message full_message() {
  Message message;
  message.envelope = {MessageKind::kTask, "00ff", 3, 0xfedcba9876543210, 5, 1000, 70000, 2};
  message.body = "body";
  message.frames = {frame_of("abcdefgh"), frame_of(""), frame_of(std::string(1000, 'x'))};
  return message;
}

/// The first frame with a right checksum over `envelope` and an empty body.
std::vector<Frame> sealed(const std::string& envelope) {
  const auto cover = [](std::uint32_t crc, const std::string& bytes) {
    const std::uint64_t size = bytes.size();
    return crc32c(bytes.data(), bytes.size(), crc32c(&size, sizeof size, crc));
  };
  const std::uint32_t crc = cover(cover(0, envelope), "");
  std::string head(4, '\0');
  std::memcpy(head.data(), &crc, sizeof crc);
  return {frame_of(head + envelope), Frame{}};
}

std::string refusal_of(const std::vector<Frame>& wire, const WireLimits& limits = {}) {
  return error_text(ErrorCode::kTransport, [&] { decode(wire, limits); });
}

TEST(Envelope, SurvivesARoundTrip) {
  EXPECT_EQ(decode(encode(full_message())), full_message());
  EXPECT_EQ(decode(encode(Message{})), Message{});
}

TEST(Envelope, IsRefusedAfterAnyBitFlip) {
  const auto wire = encode(full_message());
  std::uint64_t num_bits = 0;
  for (const Frame& frame : wire) num_bits += 8 * frame.size();
  for (std::uint64_t bit = 0; bit < num_bits; ++bit) {
    auto flipped = wire;
    flip_bit(flipped, bit);
    ASSERT_THROW(decode(flipped), Error) << "bit " << bit;
  }
}

TEST(Envelope, IsRefusedWhenAByteMovesBetweenFrames) {
  auto wire = encode(full_message());
  wire[3].push_back(wire[2].back());
  wire[2].pop_back();
  EXPECT_THAT(refusal_of(wire), HasSubstr("checksum"));
}

TEST(Envelope, IsRefusedWhenAFrameIsMissing) {
  auto wire = encode(full_message());
  wire.pop_back();
  EXPECT_THAT(refusal_of(wire), HasSubstr("checksum"));
}

TEST(Envelope, IsRefusedWhenTruncatedAnywhere) {
  const auto wire = encode(full_message());
  for (std::size_t size = 0; size < wire.front().size(); ++size) {
    auto cut = wire;
    cut.front().resize(size);
    ASSERT_THROW(decode(cut), Error) << size;
  }
  EXPECT_THROW(decode({}), Error);
  EXPECT_THROW(decode({wire.front()}), Error);
}

TEST(Envelope, NamesAnotherSchema) {
  EXPECT_THAT(refusal_of(sealed("\x99\x77\x01\xa0\x01\x01\x01\x01\x01\x01")),
              HasSubstr("schema 119"));
}

TEST(Envelope, RefusesUnknownKinds) {
  EXPECT_THAT(refusal_of(sealed("\x99\x02\x12\xa0\x01\x01\x01\x01\x01\x01")),
              HasSubstr("unknown kind 18"));
}

TEST(Envelope, RefusesMissingExtraAndTrailingFields) {
  EXPECT_NO_THROW(decode(sealed("\x99\x02\x01\xa0\x01\x01\x01\x01\x01\x01")));
  EXPECT_THROW(decode(sealed("\x98\x02\x01\xa0\x01\x01\x01\x01\x01")), Error);
  EXPECT_THROW(decode(sealed("\x9a\x02\x01\xa0\x01\x01\x01\x01\x01\x01\x01")), Error);
  EXPECT_THROW(decode(sealed("\x99\x02\x01\xa0\x01\x01\x01\x01\x01\x01\x01")), Error);
}

TEST(Envelope, RefusesASecondSpellingOfTheSameNumber) {
  EXPECT_THROW(decode(sealed("\x99\x02\x01\xa0\xcc\x01\x01\x01\x01\x01\x01")), Error);
}

TEST(Envelope, RefusesCountsBeyondItsBytes) {
  for (const std::string& bomb :
       {std::string("\xdd\x10\x00\x00\x00", 5), std::string("\xdf\x10\x00\x00\x00", 5),
        std::string("\xdb\xff\xff\xff\xff", 5), std::string("\xc6\xff\xff\xff\xff", 5),
        std::string("\xc9\xff\xff\xff\xff\x01", 6), std::string(200, '\x91'), std::string("\xd8")})
    EXPECT_THROW(decode(sealed(bomb)), Error);
}

TEST(Envelope, IsRefusedAboveTheLimits) {
  const WireLimits limits{.max_frame_bytes = 1000, .max_body_bytes = 4, .max_frames = 3};
  EXPECT_NO_THROW(decode(encode(full_message()), limits));
  EXPECT_THAT(refusal_of(encode(full_message()), {.max_frame_bytes = 999}), HasSubstr("array"));
  EXPECT_THAT(refusal_of(encode(full_message()), {.max_body_bytes = 3}), HasSubstr("body"));
  EXPECT_THAT(refusal_of(encode(full_message()), {.max_frames = 2}), HasSubstr("5 frames"));
}

}  // namespace
}  // namespace midpo
