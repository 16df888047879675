// SPDX-License-Identifier: Apache-2.0
// Structured log lines to stderr and, when opened, to a JSONL file. Results never go through here.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// Thread-safe. Lines read "HH:MM:SS level event key=value ..."; the environment is never logged.
namespace midpo::log {

enum class Level { kDebug, kInfo, kWarn, kError };

/// One named value of a line: log::info("tile_scored", {{"rows", 16}, {"model", "reward"}}).
struct Field {
  std::string_view key;
  std::variant<std::int64_t, std::uint64_t, double, bool, std::string> value;

  Field(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  Field(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, int v) : key(k), value(static_cast<std::int64_t>(v)) {}
  Field(std::string_view k, std::int64_t v) : key(k), value(v) {}
  Field(std::string_view k, std::uint64_t v) : key(k), value(v) {}
};

using Fields = std::initializer_list<Field>;

/// Until this is called the level is that of MIDPO_LOG_LEVEL, else LOGLEVEL, else info.
void set_level(Level level);

/// Also appends every line as a JSON object to this file: time, level, event, then the fields.
/// NaN and infinities become strings. A second call replaces the file. @throws Error(kStorage).
void open_jsonl(const std::string& path);

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

/// The last lines of the terminal, for a progress bar: log lines clear it and draw it anew below
/// themselves. Empty text removes it. For terminals only; the caller has checked.
void set_status_line(std::string_view text);

/// One line of plain text on stderr, not cut by log lines; a status line is removed first.
void print_line(std::string_view text);

}  // namespace midpo::log
