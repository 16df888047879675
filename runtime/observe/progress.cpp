// SPDX-License-Identifier: Apache-2.0
#include "runtime/observe/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/observe/live_view.h"
#include "runtime/observe/log.h"
#include "runtime/observe/text_format.h"

namespace midpo {
namespace {

using Clock = ProgressReporter::Clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kWindow{10.0};
constexpr auto kDrawEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(5);
constexpr int kDefaultWidth = 80;
constexpr int kDefaultHeight = 24;
constexpr int kMaxBar = 40;
constexpr int kMinBar = 5;

/// Rates over the last seconds, and the time left from the share of the input done since the start.
class Speed {
 public:
  explicit Speed(Clock::time_point start) : start_(start) {}

  void add(const ProgressState& state, Clock::time_point now) {
    if (!first_) first_ = Sample{now, state};
    // The window starts at the job's start, where nothing was done.
    if (samples_.empty()) samples_.push_back({start_, {.fraction = state.fraction}});
    // Updates come with every row; ten samples a second describe the window as well.
    if (samples_.size() > 1 && now - samples_[samples_.size() - 2].time < kDrawEvery)
      samples_.pop_back();
    samples_.push_back({now, state});
    while (samples_.size() > 2 && now - samples_[1].time >= kWindow) samples_.pop_front();
  }

  double rows_per_second() const { return rate(&ProgressState::rows_done); }
  double tokens_per_second() const { return rate(&ProgressState::tokens_done); }
  Seconds elapsed() const { return samples_.back().time - start_; }

  std::optional<Seconds> left() const {
    const ProgressState& now = samples_.back().state;
    const double done = now.fraction - first_->state.fraction;
    if (now.fraction >= 1.0) return Seconds(0);
    if (done <= 0.0) return std::nullopt;
    return Seconds(samples_.back().time - first_->time) * ((1.0 - now.fraction) / done);
  }

 private:
  struct Sample {
    Clock::time_point time;
    ProgressState state;
  };

  double rate(std::uint64_t ProgressState::*count) const {
    const Sample& oldest = samples_.front();
    const Sample& newest = samples_.back();
    const double seconds = Seconds(newest.time - oldest.time).count();
    if (seconds <= 0.0 || newest.state.*count < oldest.state.*count) return 0.0;
    return static_cast<double>(newest.state.*count - oldest.state.*count) / seconds;
  }

  Clock::time_point start_;
  std::optional<Sample> first_;  // a resumed job starts above zero
  std::deque<Sample> samples_;
};

std::string clock_text(Seconds seconds) {
  const auto total = static_cast<long long>(seconds.count());
  std::array<char, 48> buffer;
  if (total >= 3600)
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02lld:%02lld", total / 3600, total / 60 % 60,
                  total % 60);
  else
    std::snprintf(buffer.data(), buffer.size(), "%02lld:%02lld", total / 60, total % 60);
  return buffer.data();
}

std::string percent(double share, int decimals) {
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.*f%%", decimals, 100.0 * share);
  return buffer.data();
}

std::string rows_text(const ProgressState& state) {
  std::string text = short_count(static_cast<double>(state.rows_done));
  if (state.rows_total > 0) text += "/" + short_count(static_cast<double>(state.rows_total));
  return text + " rows";
}

// 730 rows/s, 98.1k tok/s, kept 31.2%
std::string rates_text(const ProgressState& state, const Speed& speed) {
  std::string text = short_count(std::round(speed.rows_per_second() * 100) / 100) + " rows/s";
  if (state.tokens_done > 0)
    text += ", " + short_count(std::round(speed.tokens_per_second())) + " tok/s";
  if (!state.note.empty())
    text += ", " + state.note;
  else if (state.rows_kept && state.rows_done > 0)
    text +=
        ", kept " +
        percent(static_cast<double>(*state.rows_kept) / static_cast<double>(state.rows_done), 1);
  return text;
}

std::string drawn_bar(double fraction, int cells, bool is_unicode) {
  constexpr std::array<std::string_view, 8> kEighths{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int steps_per_cell = is_unicode ? 8 : 1;
  const int steps = static_cast<int>(fraction * cells * steps_per_cell);
  std::string bar;
  for (int cell = 0; cell < cells; ++cell) {
    const int filled = std::clamp(steps - cell * steps_per_cell, 0, steps_per_cell);
    if (filled == steps_per_cell)
      bar += is_unicode ? "█" : "#";
    else
      bar += is_unicode ? kEighths[static_cast<std::size_t>(filled)] : " ";
  }
  return bar;
}

ProgressState clamped(ProgressState state) {
  state.fraction = std::isfinite(state.fraction) ? std::clamp(state.fraction, 0.0, 1.0) : 0.0;
  return state;
}

class BarReporter final : public ProgressReporter {
 public:
  BarReporter(std::string title, Clock::time_point start, ProgressOutput output)
      : title_(std::move(title)), speed_(start), output_(std::move(output)) {}

  void update(const ProgressState& raw, Clock::time_point now) override {
    const ProgressState state = clamped(raw);
    speed_.add(state, now);
    if (last_drawn_ && now - *last_drawn_ < kDrawEvery) return;
    last_drawn_ = now;
    output_.status(text(state));
  }

  void finish(const ProgressState& raw, Clock::time_point now) override {
    const ProgressState state = clamped(raw);
    speed_.add(state, now);
    output_.status("");
    output_.line(text(state));
  }

 private:
  std::string text(const ProgressState& state) const {
    const std::string left = speed_.left() ? clock_text(*speed_.left()) : "?";
    std::string share = percent(std::floor(state.fraction * 100) / 100, 0);
    share.insert(0, 4 - std::min<std::size_t>(4, share.size()), ' ');
    const std::string head = title_ + ": " + share + "|";
    const std::string tail = "| " + rows_text(state) + " [" + clock_text(speed_.elapsed()) + "<" +
                             left + ", " + rates_text(state, speed_) + "]";
    // A line that fills the last column wraps on some terminals, and is then never erased.
    const int room = output_.width() - 1;
    const int fixed = static_cast<int>(display_width(head) + display_width(tail));
    const int cells = std::min(kMaxBar, room - fixed);
    if (cells >= kMinBar) return head + drawn_bar(state.fraction, cells, output_.is_unicode) + tail;
    const std::string narrow = head + tail.substr(1);
    return narrow.substr(0, static_cast<std::size_t>(std::max(0, room)));
  }

  std::string title_;
  Speed speed_;
  ProgressOutput output_;
  std::optional<Clock::time_point> last_drawn_;
};

class PlainReporter final : public ProgressReporter {
 public:
  PlainReporter(std::string title, Clock::time_point start, ProgressOutput output)
      : title_(std::move(title)), speed_(start), output_(std::move(output)), last_line_(start) {}

  void update(const ProgressState& raw, Clock::time_point now) override {
    const ProgressState state = clamped(raw);
    speed_.add(state, now);
    if (now - last_line_ < kLineEvery) return;
    last_line_ = now;
    output_.line(text(state));
  }

  void finish(const ProgressState& raw, Clock::time_point now) override {
    const ProgressState state = clamped(raw);
    speed_.add(state, now);
    output_.line(text(state));
  }

 private:
  std::string text(const ProgressState& state) const {
    std::string line = title_ + ": " + percent(std::floor(state.fraction * 1000) / 1000, 1) + ", " +
                       rows_text(state) + ", " + format_duration(speed_.elapsed()) + " elapsed, ";
    if (speed_.left()) line += format_duration(*speed_.left()) + " left, ";
    return line + rates_text(state, speed_);
  }

  std::string title_;
  Speed speed_;
  ProgressOutput output_;
  Clock::time_point last_line_;
};

class SilentReporter final : public ProgressReporter {
 public:
  void update(const ProgressState&, Clock::time_point) override {}
  void finish(const ProgressState&, Clock::time_point) override {}
};

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

bool is_disabled_by_tqdm() {
  const std::string value = environment("TQDM_DISABLE");
  return !value.empty() && value != "0" && value != "false" && value != "False";
}

// The first of these that is set decides, as for the C library.
bool is_utf8_locale() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = environment(variable);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

int terminal_width() {
  const int columns = std::atoi(environment("COLUMNS").c_str());
  if (columns > 0) return columns;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultWidth;
}

int terminal_height() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return is_known ? size.ws_row : kDefaultHeight;
}

/// What is taller than the terminal could not be drawn over: there is no way back up to its top.
void draw_above_actors(std::string_view text) {
  std::string lines(text);
  if (!text.empty()) {
    const int room = terminal_height() - 2;
    for (const std::string& line : actor_lines(actor_figures(), terminal_width() - 1, room)) {
      lines += '\n' + line;
    }
  }
  log::set_status_line(lines);
}

}  // namespace

std::unique_ptr<ProgressReporter> make_progress(const std::string& title, ProgressStyle style,
                                                Clock::time_point start, ProgressOutput output) {
  switch (style) {
    case ProgressStyle::kBar:
      return std::make_unique<BarReporter>(title, start, std::move(output));
    case ProgressStyle::kNone:
      return std::make_unique<SilentReporter>();
    case ProgressStyle::kAuto:
    case ProgressStyle::kPlain:
      break;
  }
  return std::make_unique<PlainReporter>(title, start, std::move(output));
}

std::unique_ptr<ProgressReporter> make_progress(const std::string& title, ProgressStyle style,
                                                Clock::time_point start) {
  const bool can_redraw = ::isatty(STDERR_FILENO) != 0 && environment("TERM") != "dumb";
  if (style == ProgressStyle::kAuto && can_redraw && !is_disabled_by_tqdm())
    style = ProgressStyle::kBar;
  ProgressOutput terminal{.status = shows_actors() ? draw_above_actors : log::set_status_line,
                          .line = log::print_line,
                          .width = terminal_width,
                          .is_unicode = is_utf8_locale()};
  return make_progress(title, style, start, std::move(terminal));
}

std::string format_duration(std::chrono::duration<double> seconds) {
  const auto total = std::llround(std::max(0.0, seconds.count()));
  std::array<char, 48> buffer;
  if (total >= 3600)
    std::snprintf(buffer.data(), buffer.size(), "%lldh%02lldm", total / 3600, total / 60 % 60);
  else if (total >= 60)
    std::snprintf(buffer.data(), buffer.size(), "%lldm%02llds", total / 60, total % 60);
  else
    std::snprintf(buffer.data(), buffer.size(), "%llds", total);
  return buffer.data();
}

}  // namespace midpo
