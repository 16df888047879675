// SPDX-License-Identifier: Apache-2.0
#include "runtime/transport/weights_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/runtime/transport/worker_fixture.h"
#include "tests/support/error_text.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

constexpr WeightsLimits kSmall{
    .piece_bytes = 4, .max_piece_bytes = 8, .max_files = 3, .max_bytes = 20};

std::vector<WeightsPiece> pieces_of(std::uint64_t version, std::size_t size_bytes) {
  WeightsDelivery delivery(kSmall);
  delivery.add(version_of(version, size_bytes));
  std::vector<WeightsPiece> pieces;
  while (const auto piece = delivery.next()) pieces.push_back(*piece);
  return pieces;
}

TEST(WeightsStream, EndsWithTheLastPiece) {
  WeightsReceiver receiver(kSmall);
  const auto pieces = pieces_of(1, 10);
  ASSERT_EQ(pieces.size(), 4U);  // 4 + 4 + 2, and the empty file
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(receiver.take(pieces[i]), i + 1 == pieces.size());
  }
}

TEST(WeightsStream, TakesVersionsOneBehindTheOther) {
  WeightsReceiver receiver(kSmall);
  for (const std::uint64_t version : {1, 2, 7}) {
    for (const WeightsPiece& piece : pieces_of(version, 10)) receiver.take(piece);
  }
}

/// A change to the piece at an index, and what is said of it.
struct Flaw {
  std::size_t at;
  std::function<void(WeightsPiece&)> make;
  std::string text;
};

class WeightsFlaw : public testing::TestWithParam<Flaw> {};

TEST_P(WeightsFlaw, IsRefusedByName) {
  const Flaw& flaw = GetParam();
  WeightsReceiver receiver(kSmall);
  for (const WeightsPiece& piece : pieces_of(3, 10)) receiver.take(piece);
  auto pieces = pieces_of(5, 10);
  for (std::size_t i = 0; i < flaw.at; ++i) receiver.take(pieces[i]);
  flaw.make(pieces[flaw.at]);
  EXPECT_THAT(error_text(ErrorCode::kTransport, [&] { receiver.take(pieces[flaw.at]); }),
              HasSubstr(flaw.text));
}

INSTANTIATE_TEST_SUITE_P(
    Each, WeightsFlaw,
    testing::Values(
        Flaw{0, [](WeightsPiece& p) { p.version = 3; }, "not newer than version 3"},
        Flaw{0, [](WeightsPiece& p) { p.oldest = 6; }, "needed from version 6"},
        Flaw{0, [](WeightsPiece& p) { p.offset = 4; }, "begins in its middle"},
        Flaw{0, [](WeightsPiece& p) { p.num_files = 4; }, "has 4 files"},
        Flaw{0, [](WeightsPiece& p) { p.num_files = 0; }, "has 0 files"},
        Flaw{0, [](WeightsPiece& p) { p.file_bytes = 21; }, "more than 20 bytes"},
        Flaw{0, [](WeightsPiece& p) { p.file_bytes = UINT64_MAX; }, "more than 20 bytes"},
        Flaw{0, [](WeightsPiece& p) { p.bytes.resize(9); }, "a piece of 9 bytes, too many"},
        Flaw{0, [](WeightsPiece& p) { p.bytes.clear(); }, "a piece of 0 bytes"},
        Flaw{0, [](WeightsPiece& p) { p.content = "../x"; }, "no hash"},
        Flaw{0, [](WeightsPiece& p) { p.file_name = "../a"; }, "not plain"},
        Flaw{0, [](WeightsPiece& p) { p.file_name = ".."; }, "not plain"},
        Flaw{0, [](WeightsPiece& p) { p.file_name = ""; }, "not plain"},
        Flaw{0, [](WeightsPiece& p) { p.file_name = std::string("a\0b", 3); }, "not plain"},
        Flaw{1, [](WeightsPiece& p) { p.version = 6; }, "mixed with version 5"},
        Flaw{1, [](WeightsPiece& p) { p.content[0] = 'b'; }, "mixed with version 5"},
        Flaw{1, [](WeightsPiece& p) { p.offset = 8; }, "came where byte 4 of file 0 belongs"},
        Flaw{1, [](WeightsPiece& p) { p.file = 1; }, "came where byte 4 of file 0 belongs"},
        Flaw{1, [](WeightsPiece& p) { p.file_bytes = 11; }, "out of order"},
        Flaw{2, [](WeightsPiece& p) { p.bytes.resize(3); }, "a piece of 3 bytes at byte 8"},
        Flaw{3, [](WeightsPiece& p) { p.file_name = "a"; }, "out of order"}));

TEST(WeightsDelivery, SkipsVersionsThatNobodyNeedsAnyMore) {
  WeightsDelivery delivery(kSmall);
  delivery.add(version_of(1, 10));
  delivery.next();  // it is on its way
  delivery.add(version_of(2, 10));
  delivery.add(version_of(3, 10));
  delivery.forget_before(3);
  std::vector<std::uint64_t> versions;
  while (const auto piece = delivery.next()) versions.push_back(piece->version);
  EXPECT_EQ(versions, (std::vector<std::uint64_t>{1, 1, 1, 3, 3, 3, 3}));
}

TEST(WeightsDelivery, TakesALateConfirmationForWhatItIs) {
  WeightsDelivery delivery(kSmall);
  for (const std::uint64_t version : {1, 2, 3}) delivery.add(version_of(version, 1));
  while (delivery.next()) continue;
  delivery.forget_before(3);
  delivery.confirm({1, version_of(1, 1)->content, "model"});
  EXPECT_FALSE(delivery.has_confirmed(1));
  delivery.confirm({3, version_of(3, 1)->content, "model"});
  EXPECT_TRUE(delivery.has_confirmed(3));
}

}  // namespace
}  // namespace midpo
