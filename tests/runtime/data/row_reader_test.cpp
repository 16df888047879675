// SPDX-License-Identifier: Apache-2.0
// Blocks, positions and seeking, over files of every format.
#include "runtime/data/row_reader.h"

#include <gmock/gmock.h>
#include <utime.h>

#include "tests/runtime/data/data_folder.h"

namespace midpo {
namespace {

using ::testing::HasSubstr;

std::string row_named(const std::string& name) {
  return R"({"prompt": ")" + name + R"(", "response_0": "a", "response_1": "b"})";
}

std::string lines(int first, int last) {
  std::string text;
  for (int i = first; i < last; ++i) text += row_named(std::to_string(i)) + "\n";
  return text;
}

std::vector<std::string> prompts_of(const AllRows& all) {
  std::vector<std::string> prompts;
  for (const PreferenceRow& row : all.rows) prompts.push_back(row.prompt_turns.front());
  return prompts;
}

std::unique_ptr<RowReader> open(const std::vector<std::string>& paths, std::uint64_t block_rows) {
  return open_rows(paths, block_rows, BadRowPolicy::kQuarantine, {});
}

TEST(RowReader, CutsBlocksAcrossFiles) {
  const TemporaryFolder folder;
  const auto reader = open({folder.write("a.jsonl", lines(0, 3)), folder.write("b.jsonl", "\n"),
                            folder.write("c.jsonl", lines(3, 7))},
                           5);
  const auto first = reader->next_block();
  EXPECT_EQ(first->index, 0u);
  EXPECT_EQ(first->num_rows, 5u);
  EXPECT_FALSE(first->is_last);
  EXPECT_EQ(first->rows[4].position.file, 2u);
  EXPECT_EQ(first->rows[4].position.line, 2u);
  const auto second = reader->next_block();
  EXPECT_EQ(second->index, 1u);
  EXPECT_EQ(second->first_row, 5u);
  EXPECT_EQ(second->num_rows, 2u);
  EXPECT_EQ(second->rows[1].row, 6u);
  EXPECT_TRUE(second->is_last);
}

TEST(RowReader, MarksAFullBlockAsLastWhereNothingFollows) {
  const TemporaryFolder folder;
  const auto reader = open({folder.write("a.jsonl", lines(0, 4) + "\n \n")}, 2);
  EXPECT_FALSE(reader->next_block()->is_last);
  EXPECT_TRUE(reader->next_block()->is_last);
  const auto after = reader->next_block();
  EXPECT_TRUE(after->is_last);
  EXPECT_EQ(after->num_rows, 0u);
}

TEST(RowReader, GivesAnEmptyLastBlockForInputsWithoutRows) {
  const TemporaryFolder folder;
  const auto reader = open({folder.write("a.jsonl", "\n\n"), folder.write("b.json", " [ ] ")}, 2);
  const auto block = reader->next_block();
  EXPECT_EQ(block->num_rows, 0u);
  EXPECT_TRUE(block->is_last);
}

TEST(RowReader, CountsBlankLinesAsLinesButNotAsRows) {
  const TemporaryFolder folder;
  const AllRows all =
      read_all({folder.write("a.jsonl", "\n" + row_named("0") + "\r\n \t\r\n\n" + row_named("1"))});
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[0].position.line, 2u);
  EXPECT_EQ(all.rows[1].position.line, 5u);
  EXPECT_EQ(all.rows[1].row, 1u);
}

TEST(RowReader, SkipsAByteOrderMark) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_all({folder.write("a.jsonl", "\xEF\xBB\xBF" + lines(0, 1))}).rows.size(), 1u);
  EXPECT_EQ(read_all({folder.write("a.json", "\xEF\xBB\xBF[" + row_named("0") + "]")}).rows.size(),
            1u);
}

TEST(RowReader, GivesBadRowsTheirOwnIds) {
  const TemporaryFolder folder;
  const auto reader = open({folder.write("a.jsonl", lines(0, 2) + "bad\n" + lines(2, 4))}, 3);
  const auto first = reader->next_block();
  EXPECT_EQ(first->rows.size(), 2u);
  ASSERT_EQ(first->bad_rows.size(), 1u);
  EXPECT_EQ(first->bad_rows[0].row, 2u);
  EXPECT_EQ(reader->next_block()->rows[0].row, 3u);
}

TEST(RowReader, ReadsRowsLargerThanItsBuffer) {
  const TemporaryFolder folder;
  const std::string large = row_named(std::string(5 << 20, 'x'));
  const AllRows all = read_all({folder.write("a.jsonl", lines(0, 1) + large + "\n" + lines(1, 2))});
  ASSERT_EQ(all.rows.size(), 3u);
  EXPECT_EQ(all.rows[1].json, large);
  EXPECT_EQ(all.rows[2].prompt_turns.front(), "1");
}

TEST(RowReader, ReadsPrettyPrintedArrays) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write(
      "a.json", "[\n  {\n    \"prompt\": \"[{,\\\"\",\n    \"response_0\": \"]}\"\n  } ,\n  " +
                    row_named("1") + "\n]\n")});
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[0].prompt_turns.front(), "[{,\"");
  EXPECT_EQ(all.rows[1].position.line, 2u);
}

TEST(RowReader, ReadsArraysLargerThanItsBuffer) {
  const TemporaryFolder folder;
  std::string text = "[";
  for (int i = 0; i < 30'000; ++i) text += (i ? ", " : "") + row_named(std::to_string(i));
  const AllRows all = read_all({folder.write("a.json", text + "]")});
  ASSERT_EQ(all.rows.size(), 30'000u);
  EXPECT_EQ(all.rows.back().prompt_turns.front(), "29999");
}

TEST(RowReader, KeepsBadElementsOfArraysApart) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write(
      "a.json", "[" + row_named("0") + ", 3, null, {\"prompt\": tru}, " + row_named("1") + "]")});
  EXPECT_EQ(prompts_of(all), (std::vector<std::string>{"0", "1"}));
  ASSERT_EQ(all.bad_rows.size(), 3u);
  EXPECT_EQ(all.bad_rows[2].position.line, 4u);
  EXPECT_EQ(all.bad_rows[2].raw, "{\"prompt\": tru}");
}

TEST(RowReader, RefusesOversizeArrayElementsAndGoesOn) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write(
      "a.json", "[" + row_named(std::string(34 << 20, 'x')) + ", " + row_named("1") + "]")});
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("longer than 16 MiB"));
  EXPECT_EQ(prompts_of(all), std::vector<std::string>{"1"});
}

TEST(RowReader, ReadsJsonLinesNamedJson) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write("a.json", "\n" + lines(0, 3))});
  ASSERT_EQ(all.rows.size(), 3u);
  EXPECT_EQ(all.rows[0].position.line, 2u);
}

TEST(RowReader, SeeksToAnyBlockInAnyOrder) {
  const TemporaryFolder folder;
  const std::vector<std::string> paths = {
      folder.write("a.jsonl", lines(0, 5) + "bad\n\n"),
      folder.write("b.json", "[" + row_named("5") + "," + row_named("6") + "]"),
      folder.write("c.jsonl", lines(7, 12))};
  const auto reader = open(paths, 4);
  for (const std::uint64_t index : {2u, 0u, 3u, 1u, 1u}) {
    reader->seek_block(index);
    const auto sought = reader->next_block();
    const auto fresh = open(paths, 4);
    for (std::uint64_t i = 0; i < index; ++i) fresh->next_block();
    const auto expected = fresh->next_block();
    EXPECT_EQ(sought->index, expected->index);
    EXPECT_EQ(sought->first_row, expected->first_row);
    EXPECT_EQ(sought->is_last, expected->is_last);
    EXPECT_EQ(sought->bad_rows.size(), expected->bad_rows.size());
    ASSERT_EQ(sought->rows.size(), expected->rows.size());
    for (std::size_t i = 0; i < sought->rows.size(); ++i) {
      EXPECT_EQ(sought->rows[i].json, expected->rows[i].json);
      EXPECT_EQ(sought->rows[i].position.line, expected->rows[i].position.line);
    }
  }
}

TEST(RowReader, SeeksBehindTheEnd) {
  const TemporaryFolder folder;
  const auto reader = open({folder.write("a.jsonl", lines(0, 3))}, 2);
  reader->seek_block(9);
  const auto block = reader->next_block();
  EXPECT_EQ(block->index, 9u);
  EXPECT_EQ(block->num_rows, 0u);
  EXPECT_TRUE(block->is_last);
}

TEST(RowReader, ReportsProgress) {
  const TemporaryFolder folder;
  const auto reader =
      open({folder.write("a.jsonl", lines(0, 10)), folder.write("b.jsonl", lines(10, 20))}, 5);
  EXPECT_EQ(reader->fraction_read(), 0.0);
  reader->next_block();
  EXPECT_GT(reader->fraction_read(), 0.0);
  EXPECT_LT(reader->fraction_read(), 1.0);
  read_rest(*reader);
  EXPECT_EQ(reader->fraction_read(), 1.0);
}

TEST(RowReader, NoticesAFileThatGrows) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.jsonl", lines(0, 3));
  const auto reader = open({path}, 2);
  EXPECT_NO_THROW(reader->check_unchanged());
  std::ofstream(path, std::ios::app) << lines(3, 4);
  const Failure failure = failure_of([&] { reader->check_unchanged(); });
  EXPECT_EQ(failure.code, ErrorCode::kData);
  EXPECT_THAT(failure.text, HasSubstr(path + ": size or modification time changed"));
}

TEST(RowReader, NoticesAFileThatIsTouched) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.jsonl", lines(0, 3));
  const auto reader = open({path}, 2);
  const utimbuf past{1000, 1000};
  ASSERT_EQ(::utime(path.c_str(), &past), 0);
  EXPECT_THAT(failure_of([&] { reader->check_unchanged(); }).text, HasSubstr("changed"));
}

TEST(RowReader, NoticesAFileThatChangesBeforeItIsReached) {
  const TemporaryFolder folder;
  const std::string second = folder.write("b.jsonl", lines(3, 6));
  const auto reader = open({folder.write("a.jsonl", lines(0, 3)), second}, 2);
  reader->next_block();
  folder.write("b.jsonl", lines(3, 7));
  EXPECT_THAT(failure_of([&] { read_rest(*reader); }).text, HasSubstr("b.jsonl: size or"));
}

TEST(RowReader, NoticesAFileThatIsCutWhileRead) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.jsonl", lines(0, 50'000));
  const auto reader = open({path}, 10);
  reader->next_block();
  std::filesystem::resize_file(path, 100'000);
  EXPECT_THAT(failure_of([&] { read_rest(*reader); }).text, HasSubstr("cut while being read"));
}

TEST(RowReader, RecordsTheFilesAsOpened) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.jsonl", lines(0, 3));
  const auto reader = open({path}, 2);
  ASSERT_EQ(reader->files().size(), 1u);
  EXPECT_EQ(reader->files()[0].path, path);
  EXPECT_EQ(reader->files()[0].size_bytes, lines(0, 3).size());
  EXPECT_GT(reader->files()[0].mtime_ns, 0);
}

}  // namespace
}  // namespace midpo
