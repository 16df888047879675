// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one JSON object a line, flat names (TRL's where TRL has one).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace midpo {

using Metric = std::pair<std::string_view, double>;

/// Appends; each line is written whole, so that a kill leaves at most one cut line, which reopening
/// removes.
class MetricsWriter {
 public:
  static std::unique_ptr<MetricsWriter> open(const std::string& path);  ///< @throws Error(kStorage)
  virtual ~MetricsWriter() = default;
  /// {"step":12,"time":<unix seconds>,...}. @throws Error(kNumerics) for NaN and Inf, naming the
  /// metric (nothing is written then); Error(kStorage).
  virtual void write(std::uint64_t step, std::span<const Metric> values) = 0;
  void write(std::uint64_t step, std::initializer_list<Metric> values) {
    write(step, std::span(values.begin(), values.size()));
  }
};

/// Cuts the file behind its first `num_lines` lines: a run that continues there writes the later
/// ones again. A file that is missing or shorter is left as it is. @throws Error(kStorage).
void keep_metrics(const std::string& path, std::uint64_t num_lines);

/// @throws Error(kNumerics) naming metric and step unless the value is finite.
void require_finite(std::string_view metric, double value, std::uint64_t step);

}  // namespace midpo
