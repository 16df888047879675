// SPDX-License-Identifier: Apache-2.0
// Files that cannot be what was meant are refused before anything runs; damaged ones when met.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/runtime/data/data_folder.h"

namespace midpo {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += R"({"prompt": ")" + std::to_string(i * 7919) + R"(", "response_0": "a"})" + "\n";
  }
  return text;
}

std::string gzipped(const std::string& text) {
  constexpr int kGzip = 16;
  z_stream zlib{};
  deflateInit2(&zlib, 6, Z_DEFLATED, MAX_WBITS + kGzip, 8, Z_DEFAULT_STRATEGY);
  std::string bytes(deflateBound(&zlib, text.size()), '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zlib.avail_in = static_cast<uInt>(text.size());
  zlib.next_out = reinterpret_cast<Bytef*>(bytes.data());
  zlib.avail_out = static_cast<uInt>(bytes.size());
  deflate(&zlib, Z_FINISH);
  bytes.resize(zlib.total_out);
  deflateEnd(&zlib);
  return bytes;
}

std::string zstd_compressed(const std::string& text) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);  // as the zstd program does
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(ZSTD_compress2(context, bytes.data(), bytes.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return bytes;
}

Failure open_failure(const std::string& path) {
  return failure_of([&] { open_rows({path}, 10, BadRowPolicy::kQuarantine, {}); });
}

Failure read_failure(const std::string& path) {
  return failure_of([&] { read_all({path}); });
}

TEST(InputFile, MissingIsRefused) {
  const TemporaryFolder folder;
  const Failure failure = open_failure(folder.file("none.jsonl"));
  EXPECT_EQ(failure.code, ErrorCode::kData);
  EXPECT_THAT(failure.text,
              AllOf(StartsWith(folder.file("none.jsonl")), HasSubstr("No such file")));
}

TEST(InputFile, FolderIsRefused) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.file("rows.jsonl"));
  EXPECT_THAT(open_failure(folder.file("rows.jsonl")).text, HasSubstr("is a folder"));
}

TEST(InputFile, FifoIsRefusedWithoutWaitingForAWriter) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.file("rows.jsonl").c_str(), 0600), 0);
  EXPECT_THAT(open_failure(folder.file("rows.jsonl")).text, HasSubstr("is not a regular file"));
}

TEST(InputFile, EmptyIsRefused) {
  const TemporaryFolder folder;
  for (const char* name : {"a.jsonl", "a.json", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"}) {
    EXPECT_THAT(open_failure(folder.write(name, "")).text, HasSubstr("is empty")) << name;
  }
}

TEST(InputFile, NoneAtAllIsRefused) {
  EXPECT_EQ(failure_of([] { open_rows({}, 10, BadRowPolicy::kFail, {}); }).code,
            ErrorCode::kConfig);
}

TEST(InputFile, UnknownNameIsRefused) {
  const TemporaryFolder folder;
  for (const char* name : {"a.csv", "a", "a.parquet.gz", "a.gz", "a.jsonl.bz2", "jsonl"}) {
    const Failure failure = open_failure(folder.write(name, lines(1)));
    EXPECT_EQ(failure.code, ErrorCode::kConfig) << name;
    EXPECT_THAT(failure.text, HasSubstr("does not tell the format"));
  }
}

struct Disguise {
  std::string name;
  std::string bytes;
  std::string complaint;
};

TEST(InputFile, OfAnotherKindThanItsNameIsRefused) {
  const Disguise disguises[] = {
      {"a.jsonl", gzipped(lines(1)), "holds gzip data, but its name says JSON text"},
      {"a.json", zstd_compressed(lines(1)), "holds zstd data, but its name says JSON text"},
      {"a.jsonl", "PAR1....PAR1", "holds Parquet data, but its name says JSON text"},
      {"a.jsonl.gz", lines(1), "holds JSON text, but its name says gzip data"},
      {"a.jsonl.gz", zstd_compressed(lines(1)), "holds zstd data, but its name says gzip data"},
      {"a.json.zst", gzipped(lines(1)), "holds gzip data, but its name says zstd data"},
      {"a.parquet", lines(1), "holds JSON text, but its name says Parquet data"},
      {"a.jsonl", "version https://git-lfs.github.com/spec/v1\n", "holds a Git LFS pointer"},
      {"a.parquet", "version https://git-lfs.github.com/spec/v1\n", "holds a Git LFS pointer"},
      {"a.jsonl", "\xFF\xFE{", "holds UTF-16 text"},
      {"a.jsonl", "PK\x03\x04", "holds a zip archive"},
  };
  const TemporaryFolder folder;
  for (const Disguise& disguise : disguises) {
    const Failure failure = open_failure(folder.write(disguise.name, disguise.bytes));
    EXPECT_EQ(failure.code, ErrorCode::kData);
    EXPECT_THAT(failure.text, HasSubstr(disguise.complaint)) << disguise.name;
  }
}

TEST(InputFile, JsonArrayNamedJsonlIsABadRow) {
  const TemporaryFolder folder;
  const AllRows all = read_all({folder.write("a.jsonl", "[{}]")});
  ASSERT_EQ(all.bad_rows.size(), 1u);
  EXPECT_THAT(all.bad_rows[0].reason, HasSubstr("the row is a list"));
}

TEST(CompressedFile, IsReadLikeThePlainOne) {
  const TemporaryFolder folder;
  const std::string text = lines(40'000);
  for (const auto& path : {folder.write("a.jsonl.gz", gzipped(text)),
                           folder.write("a.jsonl.zst", zstd_compressed(text)),
                           folder.write("a.json.gz", gzipped(text))}) {
    const AllRows all = read_all({path});
    std::string joined;
    for (const PreferenceRow& row : all.rows) joined += row.json + "\n";
    EXPECT_EQ(joined, text) << path;
  }
}

TEST(CompressedFile, MayHoldAnArray) {
  const TemporaryFolder folder;
  const std::string text = "[" + std::string(kGoodRow) + "]";
  EXPECT_EQ(read_all({folder.write("a.json.gz", gzipped(text))}).rows.size(), 1u);
  EXPECT_EQ(read_all({folder.write("a.json.zst", zstd_compressed(text))}).rows.size(), 1u);
}

TEST(CompressedFile, MayHaveSeveralMembers) {
  const TemporaryFolder folder;
  const std::string text = lines(10);
  EXPECT_EQ(read_all({folder.write("a.jsonl.gz", gzipped(text) + gzipped(text))}).rows.size(), 20u);
  EXPECT_EQ(read_all({folder.write("a.jsonl.zst", zstd_compressed(text) + zstd_compressed(text))})
                .rows.size(),
            20u);
}

TEST(CompressedFile, CutAnywhereIsRefused) {
  const TemporaryFolder folder;
  const std::string gzip = gzipped(lines(300));
  const std::string zstd = zstd_compressed(lines(300));
  for (std::size_t size = 8; size < gzip.size(); size += 41) {
    EXPECT_THAT(read_failure(folder.write("a.jsonl.gz", gzip.substr(0, size))).text,
                HasSubstr("ends early"));
  }
  for (std::size_t size = 8; size < zstd.size(); size += 41) {
    EXPECT_THAT(read_failure(folder.write("a.jsonl.zst", zstd.substr(0, size))).text,
                HasSubstr("ends early"));
  }
}

TEST(CompressedFile, DamagedIsRefused) {
  const TemporaryFolder folder;
  std::string gzip = gzipped(lines(300));
  gzip[gzip.size() - 6] ^= 1;  // the checksum
  EXPECT_THAT(read_failure(folder.write("a.jsonl.gz", gzip)).text, HasSubstr("damaged"));
  std::string zstd = zstd_compressed(lines(300));
  zstd[zstd.size() / 2] ^= 0x55;
  EXPECT_THAT(read_failure(folder.write("a.jsonl.zst", zstd)).text, HasSubstr("damaged"));
}

TEST(CompressedFile, WithTrailingBytesIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.jsonl.gz", gzipped(lines(3)) + "rubbish");
  EXPECT_THAT(read_failure(path).text, HasSubstr("damaged"));
}

TEST(JsonArray, BrokenBetweenElementsIsRefused) {
  const TemporaryFolder folder;
  const std::string row(kGoodRow);
  for (const std::string& text :
       {"[" + row, "[" + row + ",", "[" + row + ", ]", "[" + row + " " + row + "]",
        "[, " + row + "]", "[" + row + "] x", "[" + row + "]]", "[" + row + "}", std::string("["),
        "[" + row + ", {\"a\"", "[" + row + "]" + std::string(1, '\0')}) {
    const Failure failure = read_failure(folder.write("a.json", text));
    EXPECT_EQ(failure.code, ErrorCode::kData) << text;
    EXPECT_THAT(failure.text, HasSubstr("the JSON array is broken after element")) << text;
  }
}

}  // namespace
}  // namespace midpo
