// SPDX-License-Identifier: Apache-2.0
// Parquet files through midpo-parquet-rows: what becomes of their columns, and of damaged files.
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>
#include <sstream>

#include "tests/runtime/data/data_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

/// A file as parquet_fixtures makes it.
std::string fixture(const TemporaryFolder& folder, const std::string& name, int num_rows = 3,
                    int rows_per_group = 1000) {
  const std::string path = folder.file(name + ".parquet");
  const std::string command = std::string(PARQUET_FIXTURES) + " " + name + " " +
                              std::to_string(num_rows) + " " + std::to_string(rows_per_group) +
                              " " + path;
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return path;
}

std::string bytes_of(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

TEST(Parquet, BecomesJsonOfAllItsColumns) {
  const TemporaryFolder folder;
  const AllRows all = read_all({fixture(folder, "every_type")});
  ASSERT_EQ(all.rows.size(), 1u);
  EXPECT_EQ(all.rows[0].json,
            "{\"prompt\": \"p \\\"\\\\\\n\xC3\xA9\", \"responses\": [\"a\", \"b\"], "
            "\"better_response_id\": 1, \"is_response_safe\": [true, null], "
            "\"harm\": {\"x\": false, \"y\": [9223372036854775807, null]}, "
            "\"big\": 18446744073709551615, \"half\": 0.5, \"whole\": 3.0, \"tenth\": 0.1, "
            "\"none\": null, \"day\": \"1970-01-01\", \"label\": \"red\"}");
  EXPECT_EQ(all.rows[0].responses.size(), 2u);
  EXPECT_EQ(all.rows[0].better_response_id, 1);
}

TEST(Parquet, GivesElementNumbersAsPositions) {
  const TemporaryFolder folder;
  const AllRows all = read_all({fixture(folder, "pairs", 300, 50)});
  ASSERT_EQ(all.rows.size(), 300u);
  EXPECT_EQ(all.rows[299].position.line, 300u);
  EXPECT_EQ(all.rows[299].prompt_turns.front(), "prompt 299");
}

TEST(Parquet, SeeksOverRowGroups) {
  const TemporaryFolder folder;
  const auto reader =
      open_rows({fixture(folder, "pairs", 1000, 90)}, 64, BadRowPolicy::kQuarantine, {});
  for (const std::uint64_t index : {9u, 0u, 1u, 15u, 14u, 3u}) {
    reader->seek_block(index);
    const auto block = reader->next_block();
    ASSERT_FALSE(block->rows.empty());
    EXPECT_EQ(block->first_row, index * 64);
    EXPECT_EQ(block->rows[0].prompt_turns.front(), "prompt " + std::to_string(index * 64));
    EXPECT_EQ(block->rows[0].position.line, index * 64 + 1);
  }
}

TEST(Parquet, MayHaveNoRows) {
  const TemporaryFolder folder;
  const auto reader = open_rows({fixture(folder, "pairs", 0)}, 64, BadRowPolicy::kFail, {});
  const auto block = reader->next_block();
  EXPECT_EQ(block->num_rows, 0u);
  EXPECT_TRUE(block->is_last);
}

TEST(Parquet, ReportsProgress) {
  const TemporaryFolder folder;
  const auto reader = open_rows({fixture(folder, "pairs", 100)}, 50, BadRowPolicy::kFail, {});
  reader->next_block();
  EXPECT_NEAR(reader->fraction_read(), 0.5, 0.02);
}

TEST(Parquet, RowWithNanIsBadAndNamesTheColumn) {
  const TemporaryFolder folder;
  const AllRows all = read_all({fixture(folder, "nan")});
  EXPECT_EQ(all.rows.size(), 2u);
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_EQ(all.bad_rows[0].position.line, 2u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("the field \"score\" holds NaN"));
}

TEST(Parquet, NullWhereATextMustBeIsABadRow) {
  const TemporaryFolder folder;
  const AllRows all = read_all({fixture(folder, "nulls")});
  ASSERT_EQ(all.bad_rows.size(), 2u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("response_0 is missing or null"));
  EXPECT_THAT(all.bad_rows[1].reason, HasSubstr("prompt is missing or null"));
}

TEST(Parquet, WithOtherColumnsHasBadRows) {
  const TemporaryFolder folder;
  const AllRows all = read_all({fixture(folder, "other_columns")});
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("response_0 is missing or null"));
  EXPECT_EQ(all.bad_rows[0].raw, R"({"question": "q"})");
}

TEST(Parquet, WithBinaryColumnIsRefusedByName) {
  const TemporaryFolder folder;
  const std::string path = fixture(folder, "binary", 1);
  const Failure failure = failure_of([&] { read_all({path}); });
  EXPECT_EQ(failure.code, ErrorCode::kData);
  EXPECT_THAT(failure.text, HasSubstr("column \"image\" is of type struct<bytes: binary>"));
}

TEST(DamagedParquet, CutAnywhereIsRefused) {
  const TemporaryFolder folder;
  const std::string whole = bytes_of(fixture(folder, "pairs", 100, 30));
  for (std::size_t size = 4; size < whole.size(); size += whole.size() / 20) {
    const std::string path = folder.write("cut.parquet", whole.substr(0, size));
    EXPECT_THAT(failure_of([&] { read_all({path}); }).text, HasSubstr("cannot be read as Parquet"));
  }
}

TEST(DamagedParquet, WithChangedBytesGivesRowsOrAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  const std::string whole = bytes_of(fixture(folder, "pairs", 40, 15));
  std::mt19937 random(17);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    for (int changes = 1 + round % 3; changes > 0; --changes) {
      damaged[4 + random() % (damaged.size() - 4)] = static_cast<char>(random());
    }
    const std::string path = folder.write("damaged.parquet", damaged);
    try {
      read_all({path});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData);
      EXPECT_THAT(error.what(), ::testing::StartsWith(path));
    }
  }
}

}  // namespace
}  // namespace midpo
