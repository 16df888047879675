// SPDX-License-Identifier: Apache-2.0
// The one file that includes spdlog: its fmt and LibTorch's cannot meet in one translation unit.
#include "runtime/observe/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/core/error.h"
#include "runtime/core/json_text.h"
#include "runtime/observe/text_format.h"

namespace midpo::log {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warn", "error"};
constexpr std::array<spdlog::level::level_enum, 4> kSpdlogLevels{
    spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

std::string_view name_of(Level level) { return kLevelNames[static_cast<std::size_t>(level)]; }

// spdlog says "warning"; one name per level on the terminal and in the JSONL file reads better.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const auto place = std::ranges::find(kSpdlogLevels, message.level) - kSpdlogLevels.begin();
    const std::string_view name = kLevelNames[static_cast<std::size_t>(place)];
    line.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelName>();
  }
};

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::optional<Level> level_of(std::string word) {
  std::ranges::transform(word, word.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  if (word == "warning") word = "warn";
  const auto found = std::ranges::find(kLevelNames, word);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<Level>(found - kLevelNames.begin());
}

std::string level_wanted_by_environment() {
  for (const char* variable : {"MIDPO_LOG_LEVEL", "LOGLEVEL"}) {
    if (is_set(variable)) return std::getenv(variable);
  }
  return "info";
}

std::string console_value(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    const bool is_plain = !text->empty() && std::ranges::all_of(*text, [](char c) {
      return static_cast<unsigned char>(c) > 0x20 && c != '"' && c != '=' && c != 0x7f;
    });
    return is_plain ? *text : json_string(*text);
  }
  if (const auto* number = std::get_if<double>(&field.value)) return number_text(*number);
  if (const auto* truth = std::get_if<bool>(&field.value)) return *truth ? "true" : "false";
  if (const auto* count = std::get_if<std::int64_t>(&field.value)) return std::to_string(*count);
  return std::to_string(std::get<std::uint64_t>(field.value));
}

std::string json_value(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field.value)) return json_string(*text);
  const auto* number = std::get_if<double>(&field.value);
  const bool is_json = number == nullptr || std::isfinite(*number);
  return is_json ? console_value(field) : json_string(number_text(*number));
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> date;
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%s.%03dZ", date.data(),
                static_cast<int>(milliseconds % 1000));
  return text.data();
}

class Logger {
 public:
  static Logger& instance() {
    static Logger logger;
    return logger;
  }

  void set_level(Level level) {
    console_->set_level(kSpdlogLevels[static_cast<std::size_t>(level)]);
  }

  void open_jsonl(const std::string& path) {
    try {
      auto sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
      auto file = std::make_shared<spdlog::logger>("jsonl", std::move(sink));
      file->set_pattern("%v");
      file->set_level(spdlog::level::trace);
      file->flush_on(spdlog::level::trace);
      const std::lock_guard lock(mutex_);
      file_ = std::move(file);
    } catch (const spdlog::spdlog_ex& error) {
      throw Error(ErrorCode::kStorage, path + ": the log cannot be opened: " + error.what());
    }
  }

  void write(Level level, std::string_view event, Fields fields) {
    const auto spdlog_level = kSpdlogLevels[static_cast<std::size_t>(level)];
    if (!console_->should_log(spdlog_level)) return;
    std::string line(event);
    for (const Field& field : fields)
      line += ' ' + std::string(field.key) + '=' + console_value(field);
    const std::lock_guard lock(mutex_);
    erase_status();
    console_->log(spdlog_level, line);
    draw_status();
    if (file_ != nullptr) file_->log(spdlog_level, json_line(level, event, fields));
  }

  void set_status_line(std::string_view text) {
    const std::lock_guard lock(mutex_);
    // Drawn over the old lines, then the rest is erased: no flicker.
    if (text.empty()) {
      erase_status();
    } else {
      go_to_status();
    }
    status_ = text;
    draw_status();
  }

  void print_line(std::string_view text) {
    const std::lock_guard lock(mutex_);
    erase_status();
    status_.clear();
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
    std::fflush(stderr);
  }

 private:
  Logger() {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>(
        is_set("NO_COLOR") ? spdlog::color_mode::never : spdlog::color_mode::automatic);
    console_ = std::make_shared<spdlog::logger>("console", std::move(sink));
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<LevelName>('*').set_pattern("%H:%M:%S %^%*%$ %v");
    console_->set_formatter(std::move(formatter));
    console_->flush_on(spdlog::level::trace);
    const std::string wanted = level_wanted_by_environment();
    const std::optional<Level> level = level_of(wanted);
    set_level(level.value_or(Level::kInfo));
    if (!level)
      write(Level::kWarn, "unknown_log_level",
            {{"value", wanted}, {"known", "debug info warn error"}});
  }

  static std::string json_line(Level level, std::string_view event, Fields fields) {
    std::string line = "{\"time\":\"" + utc_now() + "\",\"level\":\"" +
                       std::string(name_of(level)) + "\",\"event\":" + json_string(event);
    for (const Field& field : fields)
      line += ',' + json_string(field.key) + ':' + json_value(field);
    return line + '}';
  }

  /// To the beginning of the first line of what is drawn.
  void go_to_status() const {
    const auto lines = std::ranges::count(status_, '\n');
    if (lines > 0) std::fprintf(stderr, "\x1b[%dA", static_cast<int>(lines));
    std::fputs("\r", stderr);
  }

  void erase_status() const {
    if (status_.empty()) return;
    go_to_status();
    std::fputs("\x1b[J", stderr);
  }

  void draw_status() const {
    if (status_.empty()) return;
    std::string text;
    for (const char c : status_) text += c == '\n' ? "\x1b[K\n" : std::string(1, c);
    std::fprintf(stderr, "%s\x1b[J", text.c_str());
    std::fflush(stderr);
  }

  std::mutex mutex_;
  std::shared_ptr<spdlog::logger> console_;
  std::shared_ptr<spdlog::logger> file_;
  std::string status_;
};

}  // namespace

void set_level(Level level) { Logger::instance().set_level(level); }
void open_jsonl(const std::string& path) { Logger::instance().open_jsonl(path); }

void debug(std::string_view event, Fields fields) {
  Logger::instance().write(Level::kDebug, event, fields);
}
void info(std::string_view event, Fields fields) {
  Logger::instance().write(Level::kInfo, event, fields);
}
void warn(std::string_view event, Fields fields) {
  Logger::instance().write(Level::kWarn, event, fields);
}
void error(std::string_view event, Fields fields) {
  Logger::instance().write(Level::kError, event, fields);
}

void set_status_line(std::string_view text) { Logger::instance().set_status_line(text); }
void print_line(std::string_view text) { Logger::instance().print_line(text); }

}  // namespace midpo::log
