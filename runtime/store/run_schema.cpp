// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/run_schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/core/error.h"
#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

// Scores are appended in order of arrival: a B-tree keyed by content hash would rewrite about one
// page per row (docs/reliability.md has the measurement). Uniqueness is kept by ScoreTable. The
// values have no declared type: a REAL column stores whole numbers as integers and so loses -0.0.
constexpr const char* kTables = R"sql(
CREATE TABLE plan (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  json TEXT NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE model (
  id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE score (
  id INTEGER PRIMARY KEY,
  row_content BLOB NOT NULL,
  model INTEGER NOT NULL REFERENCES model (id),
  value_0 NOT NULL,
  value_1,
  more BLOB,
  checksum INTEGER NOT NULL);
CREATE TABLE verdict (
  "row" INTEGER PRIMARY KEY,
  row_content BLOB NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  checksum INTEGER NOT NULL);
CREATE TABLE frontier (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  next_block INTEGER NOT NULL,
  file_sizes TEXT NOT NULL,
  counters TEXT NOT NULL,
  checksum INTEGER NOT NULL);
CREATE VIEW row_score AS
  SELECT v."row", lower(hex(v.row_content)) AS content, v.state, v.reason,
         m.description AS model, s.value_0, s.value_1, length(s.more) / 8 AS num_more
  FROM verdict AS v
  LEFT JOIN score AS s ON s.row_content = v.row_content
  LEFT JOIN model AS m ON m.id = s.model;
)sql";

std::int64_t query_integer(SqliteDatabase& database, const char* sql) {
  SqliteStatement statement(database, sql);
  const std::int64_t value = statement.step() ? statement.integer(0) : 0;
  statement.reset();
  return value;
}

/// A kill between creating the file and its tables leaves a database without any.
bool is_blank(SqliteDatabase& database, std::int64_t application_id) {
  return application_id == 0 && query_integer(database, "SELECT count(*) FROM sqlite_schema") == 0;
}

void create_tables(SqliteDatabase& database) {
  const std::string marks = "PRAGMA application_id = " + std::to_string(kRunApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(kRunSchemaVersion);
  database.execute("BEGIN IMMEDIATE");
  database.execute(kTables);
  database.execute(marks.c_str());
  database.commit();
}

void check_marks(const SqliteDatabase& database, std::int64_t application_id,
                 std::int64_t version) {
  if (application_id != kRunApplicationId) {
    throw Error(ErrorCode::kStorage, database.path() +
                                         ": is an SQLite database of another program; use another "
                                         "run directory");
  }
  if (version != kRunSchemaVersion) {
    throw Error(ErrorCode::kStorage, database.path() + ": has run store version " +
                                         std::to_string(version) + ", this midpo reads version " +
                                         std::to_string(kRunSchemaVersion) +
                                         "; use the midpo that wrote it, or another run directory");
  }
}

void check_structure(SqliteDatabase& database) {
  SqliteStatement check(database, "PRAGMA quick_check(1)");
  if (check.step() && check.bytes(0) == "ok") return check.reset();
  throw Error(ErrorCode::kStorage, database.path() + ": is damaged (" +
                                       std::string(check.bytes(0)) +
                                       "); restore it from a copy, or use another run directory");
}

/// A log whose fsync failed in an earlier life holds pages that read well and are not on the disk:
/// the kernel has dropped them from its list. Writing the same bytes again puts them back, and one
/// more fsync makes the whole log what it seems, before SQLite builds on it.
void renew_log(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return;
  const FileDescriptor file = open_file(path, O_RDWR);
  std::string bytes(std::size_t{1} << 20, '\0');
  std::uint64_t offset = 0;
  while (const std::size_t size = read_some_at(file, path, bytes.data(), bytes.size(), offset)) {
    write_all_at(file, path, std::string_view(bytes).substr(0, size), offset);
    offset += size;
  }
  sync_file_data(file, path);
}

/// A store that was there and holds nothing is new, unless a run has already put its account beside
/// it, which it does after recording its plan: then the store was cut.
void refuse_emptied(const std::string& path) {
  const std::string folder = path.substr(0, path.find_last_of('/') + 1);
  for (const char* name : {"config.yaml", "manifest.json"}) {
    if (::access((folder + name).c_str(), F_OK) != 0) continue;
    throw Error(ErrorCode::kStorage, path + ": is empty, but " + name +
                                         " beside it is of a run; restore it from a copy, or "
                                         "discard the run with --overwrite");
  }
}

}  // namespace

std::unique_ptr<SqliteDatabase> open_run_database(const std::string& path) {
  const bool was_there = ::access(path.c_str(), F_OK) == 0;
  auto database = std::make_unique<SqliteDatabase>(path);
  const std::int64_t application_id = query_integer(*database, "PRAGMA application_id");
  const std::int64_t version = query_integer(*database, "PRAGMA user_version");
  const bool is_new = is_blank(*database, application_id);
  if (is_new && was_there) refuse_emptied(path);
  if (!is_new) check_marks(*database, application_id, version);
  renew_log(path + "-wal");
  if (!is_new) check_structure(*database);
  database->use_durable_wal();
  if (is_new) create_tables(*database);
  return database;
}

void RowChecksum::add_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    if (size_ == bytes_.size()) {
      const std::int64_t folded = digest();
      std::memcpy(bytes_.data(), &folded, sizeof folded);
      size_ = sizeof folded;
    }
    const std::size_t part = std::min(bytes.size(), bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, bytes.data(), part);
    size_ += part;
    bytes.remove_prefix(part);
  }
}

RowChecksum& RowChecksum::add(std::uint64_t value) {
  add_bytes({reinterpret_cast<const char*>(&value), sizeof value});
  return *this;
}

RowChecksum& RowChecksum::add(double value) { return add(std::bit_cast<std::uint64_t>(value)); }

RowChecksum& RowChecksum::add(std::string_view text) {
  add(std::uint64_t{text.size()});
  add_bytes(text);
  return *this;
}

std::int64_t RowChecksum::digest() const {
  return std::bit_cast<std::int64_t>(content_hash(bytes_.data(), size_).low);
}

void check_row(const SqliteDatabase& database, std::string_view table, std::int64_t row,
               std::int64_t stored_checksum, const RowChecksum& checksum) {
  if (stored_checksum == checksum.digest()) return;
  throw Error(ErrorCode::kStorage,
              database.path() + ": is damaged (table " + std::string(table) + ", row " +
                  std::to_string(row) +
                  ": checksum differs); restore it from a copy, or use another run directory");
}

std::string to_blob(const ContentHash& hash) {
  std::string blob(16, '\0');
  for (int i = 0; i < 8; ++i) {
    blob[i] = static_cast<char>(hash.high >> (56 - 8 * i));
    blob[8 + i] = static_cast<char>(hash.low >> (56 - 8 * i));
  }
  return blob;
}

ContentHash from_blob(std::string_view blob) {
  ContentHash hash;
  if (blob.size() != 16) return hash;
  for (int i = 0; i < 8; ++i) {
    hash.high = (hash.high << 8) | static_cast<unsigned char>(blob[i]);
    hash.low = (hash.low << 8) | static_cast<unsigned char>(blob[8 + i]);
  }
  return hash;
}

}  // namespace midpo
