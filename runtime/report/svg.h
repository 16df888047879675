// SPDX-License-Identifier: Apache-2.0
// Just enough SVG and HTML for the report: text that stands by itself, no scripts, no other files.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace midpo {

/// &, <, >, and quotes as entities; bytes that are not UTF-8 and control characters become U+FFFD.
std::string html_escape(std::string_view text);

/// "12.3", "0.0042", "1.5e+06": few digits, for axis labels and tables.
std::string short_number(double value);

/// Round numbers that cover [low, high]: the ticks of an axis. At least two; low == high is
/// widened.
std::vector<double> axis_ticks(double low, double high, int wanted_count);

enum class Anchor { kStart, kMiddle, kEnd };

/// A drawing under construction, in pixels, origin at the top left.
class Svg {
 public:
  /// @param label  what it shows, for readers who cannot see it.
  Svg(double width, double height, std::string_view label);

  void line(double x1, double y1, double x2, double y2, std::string_view css_class);
  void circle(double x, double y, double radius, std::string_view fill, std::string_view hint);
  void rect(double x, double y, double width, double height, std::string_view fill,
            std::string_view hint);
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view stroke);
  void text(double x, double y, std::string_view words, Anchor anchor,
            std::string_view css_class = "");
  /// Reads upwards.
  void vertical_text(double x, double y, std::string_view words, Anchor anchor);

  std::string finish() const;  ///< the whole element

 private:
  std::string content_;
};

/// Maps values to pixels; the pixel range may run backwards (y axes do).
class Scale {
 public:
  Scale(double low, double high, double first_pixel, double last_pixel)
      : low_(low), factor_((last_pixel - first_pixel) / (high - low)), first_pixel_(first_pixel) {}
  double operator()(double value) const { return first_pixel_ + (value - low_) * factor_; }

 private:
  double low_;
  double factor_;
  double first_pixel_;
};

/// A distinct colour for each of the first eight series, then again from the start.
std::string_view series_colour(std::size_t index);

}  // namespace midpo
