// SPDX-License-Identifier: Apache-2.0
// The progress line of a long job on stderr: a bar on a terminal, a plain line every few seconds
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace midpo {

struct ProgressState {
  double fraction = 0.0;                        ///< 0..1
  std::uint64_t rows_done = 0;                  ///< rows with a verdict in this process
  std::optional<std::uint64_t> rows_kept = {};  ///< where rows are kept or filtered
  std::uint64_t tokens_done = 0;                ///< packed tokens computed in this process
  std::uint64_t rows_total = 0;                 ///< 0: not known
  std::string note = {};  ///< shown behind the rates, in place of the share of rows kept
};

/// Not thread-safe. Time is passed in, so that tests need no clock.
class ProgressReporter {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~ProgressReporter() = default;
  virtual void update(const ProgressState& state, Clock::time_point now) = 0;  ///< may draw
  virtual void finish(const ProgressState& state,
                      Clock::time_point now) = 0;  ///< last state, line closed
};

enum class ProgressStyle { kAuto, kBar, kPlain, kNone };

/// Where a reporter draws. The one of make_progress() is the terminal behind the log.
struct ProgressOutput {
  std::function<void(const std::string& text)>
      status;                                         ///< replaces the last line; empty removes it
  std::function<void(const std::string& text)> line;  ///< a finished line
  std::function<int()> width;                         ///< columns; asked at each drawing
  bool is_unicode = false;                            ///< block characters, else ASCII
};

/// kAuto: a bar if stderr is a terminal (and not TQDM_DISABLE), else plain lines. Uncoloured.
/// While a bar is drawn, log lines clear it first and it is drawn anew below them.
std::unique_ptr<ProgressReporter> make_progress(const std::string& title, ProgressStyle style,
                                                ProgressReporter::Clock::time_point start);

/// The same with a place to draw of one's own; kAuto draws plain lines.
std::unique_ptr<ProgressReporter> make_progress(const std::string& title, ProgressStyle style,
                                                ProgressReporter::Clock::time_point start,
                                                ProgressOutput output);

/// "1h02m", "3m07s", "12s".
std::string format_duration(std::chrono::duration<double> seconds);

}  // namespace midpo
