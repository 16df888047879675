// SPDX-License-Identifier: Apache-2.0
#include "runtime/store/sqlite_database.h"

#include <sqlite3.h>

#include <cerrno>

#include "runtime/core/posix_file.h"

namespace midpo {
namespace {

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kCheckpointPages = 4'000;  // 16 MiB of log

constexpr const char* kAdvice =
    "what was committed before is safe: free space or mend the disk, then continue the run";

/// The commit hook of the log: how many pages it holds now.
int note_wal_pages(void* counter, sqlite3*, const char*, int num_pages) {
  *static_cast<int*>(counter) = num_pages;
  return SQLITE_OK;
}

/// The errno behind a failed call of SQLite, 0 if the disk is not to blame.
int cause_on_disk(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return system_error == 0 ? ENOSPC : system_error;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return system_error;
    default:
      return 0;
  }
}

bool is_damage(int code) { return (code & 0xff) == SQLITE_CORRUPT || code == SQLITE_NOTADB; }

}  // namespace

SqliteDatabase::SqliteDatabase(const std::string& path) : path_(path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const Error error = storage_error(path, "open (" + std::string(sqlite3_errmsg(handle_)) + ")",
                                      sqlite3_system_errno(handle_));
    sqlite3_close(handle_);
    throw error;
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
  // A file from elsewhere must not run its own functions from triggers and views.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

void SqliteDatabase::fail(const std::string& action) {
  const int system_error = errno;
  has_failed_ = true;
  const int code = sqlite3_extended_errcode(handle_);
  const std::string cause =
      std::string(sqlite3_errmsg(handle_)) + ", SQLite code " + std::to_string(code);
  if (code == SQLITE_NOMEM) throw Error(ErrorCode::kOutOfMemory, path_ + ": " + cause);
  if (is_damage(code)) {
    throw Error(ErrorCode::kStorage, path_ + ": cannot " + action + ": " + cause +
                                         "; the file is damaged or foreign: restore it from a "
                                         "copy, or use another run directory");
  }
  const int disk_error = cause_on_disk(code, system_error);
  if (disk_error == 0) {
    throw Error(ErrorCode::kStorage, path_ + ": cannot " + action + ": " + cause + "; " + kAdvice);
  }
  throw storage_error(path_, action + " (" + cause + ")", disk_error, kAdvice);
}

void SqliteDatabase::start_call() {
  if (has_failed_) {
    throw Error(ErrorCode::kStorage, path_ + ": an earlier operation failed; " + kAdvice);
  }
  // sqlite3_system_errno() is 0 after a failed COMMIT, but errno still holds the cause.
  errno = 0;
}

void SqliteDatabase::execute(const char* sql) {
  start_call();
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

void SqliteDatabase::use_durable_wal() {
  SqliteStatement mode(*this, "PRAGMA journal_mode = WAL");
  if (!mode.step() || mode.bytes(0) != "wal") {
    throw Error(ErrorCode::kStorage, path_ +
                                         ": this file system does not support SQLite's "
                                         "write-ahead log; use a local disk");
  }
  mode.reset();
  execute(
      "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;"
      "PRAGMA cell_size_check = ON");
  sqlite3_wal_hook(handle_, &note_wal_pages, &wal_pages_);
}

void SqliteDatabase::commit() {
  execute("COMMIT");
  if (wal_pages_ >= kCheckpointPages) checkpoint();
}

int SqliteDatabase::num_changes() const { return sqlite3_changes(handle_); }

void SqliteDatabase::checkpoint() {
  start_call();
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // A reader holds the log open: the next commit tries again.
  if (code != SQLITE_OK && code != SQLITE_BUSY) fail("move the log into the database");
}

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql)
    : database_(database) {
  database_.start_call();
  if (sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &handle_, nullptr) != SQLITE_OK) {
    database_.fail("prepare '" + std::string(sql) + "'");
  }
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(handle_); }

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(handle_, parameter, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, double value) {
  sqlite3_bind_double(handle_, parameter, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind_text(int parameter, std::string_view text) {
  // A null pointer would bind NULL, and an empty view may hold one.
  const char* data = text.empty() ? "" : text.data();
  sqlite3_bind_text64(handle_, parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(handle_, parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

SqliteStatement& SqliteStatement::bind_null(int parameter) {
  sqlite3_bind_null(handle_, parameter);
  return *this;
}

bool SqliteStatement::step() {
  database_.start_call();
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail("run '" + std::string(sqlite3_sql(handle_)) + "'");
  sqlite3_reset(handle_);
  return false;
}

void SqliteStatement::reset() { sqlite3_reset(handle_); }

void SqliteStatement::run() {
  if (step()) reset();
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}

double SqliteStatement::real(int column) const { return sqlite3_column_double(handle_, column); }

std::string_view SqliteStatement::bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_, column);
  return {static_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

bool SqliteStatement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

}  // namespace midpo
