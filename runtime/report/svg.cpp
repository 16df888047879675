// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/svg.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "runtime/core/json_text.h"

namespace midpo {
namespace {

std::string pixels(double value) {
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.1f", value);
  return buffer.data();
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + std::string(value) + "\"";
}

std::string_view anchor_name(Anchor anchor) {
  if (anchor == Anchor::kStart) return "start";
  return anchor == Anchor::kMiddle ? "middle" : "end";
}

/// The tooltip that browsers show.
std::string title(std::string_view hint) {
  return hint.empty() ? "" : "<title>" + html_escape(hint) + "</title>";
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, valid_utf8_prefix(text));
    for (const char c : valid) {
      if (c == '&')
        escaped += "&amp;";
      else if (c == '<')
        escaped += "&lt;";
      else if (c == '>')
        escaped += "&gt;";
      else if (c == '"')
        escaped += "&quot;";
      else if (c == '\'')
        escaped += "&#39;";
      else if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
        escaped += "\uFFFD";
      else
        escaped += c;
    }
    text.remove_prefix(valid.size());
    if (text.empty()) break;
    escaped += "\uFFFD";
    text.remove_prefix(1);
  }
  return escaped;
}

std::string short_number(double value) {
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.3g", value == 0.0 ? 0.0 : value);
  return buffer.data();
}

std::vector<double> axis_ticks(double low, double high, int wanted_count) {
  if (!(high > low)) {
    const double margin = low == 0.0 ? 1.0 : std::abs(low) * 0.1;
    low -= margin;
    high += margin;
  }
  const double raw_step = (high - low) / std::max(wanted_count - 1, 1);
  const double magnitude = std::pow(10.0, std::floor(std::log10(raw_step)));
  double step = 10.0 * magnitude;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * magnitude >= raw_step * 0.999) {
      step = factor * magnitude;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; i += 1.0) ticks.push_back(i * step);
  return ticks;
}

Svg::Svg(double width, double height, std::string_view label) {
  content_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"" +
             attribute("viewBox", "0 0 " + pixels(width) + " " + pixels(height)) +
             attribute("width", pixels(width)) + attribute("height", pixels(height)) +
             attribute("aria-label", html_escape(label)) + ">";
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  content_ += "<line" + attribute("x1", pixels(x1)) + attribute("y1", pixels(y1)) +
              attribute("x2", pixels(x2)) + attribute("y2", pixels(y2)) +
              attribute("class", css_class) + "/>";
}

void Svg::circle(double x, double y, double radius, std::string_view fill, std::string_view hint) {
  content_ += "<circle" + attribute("cx", pixels(x)) + attribute("cy", pixels(y)) +
              attribute("r", pixels(radius)) + attribute("fill", fill) + ">" + title(hint) +
              "</circle>";
}

void Svg::rect(double x, double y, double width, double height, std::string_view fill,
               std::string_view hint) {
  content_ += "<rect" + attribute("x", pixels(x)) + attribute("y", pixels(y)) +
              attribute("width", pixels(width)) + attribute("height", pixels(height)) +
              attribute("fill", fill) + ">" + title(hint) + "</rect>";
}

void Svg::polyline(const std::vector<std::pair<double, double>>& points, std::string_view stroke) {
  std::string list;
  for (const auto& [x, y] : points) list += pixels(x) + "," + pixels(y) + " ";
  content_ +=
      "<polyline class=\"curve\"" + attribute("points", list) + attribute("stroke", stroke) + "/>";
}

void Svg::text(double x, double y, std::string_view words, Anchor anchor,
               std::string_view css_class) {
  content_ += "<text" + attribute("x", pixels(x)) + attribute("y", pixels(y)) +
              attribute("text-anchor", anchor_name(anchor)) +
              (css_class.empty() ? "" : attribute("class", css_class)) + ">" + html_escape(words) +
              "</text>";
}

void Svg::vertical_text(double x, double y, std::string_view words, Anchor anchor) {
  content_ += "<text" +
              attribute("transform", "translate(" + pixels(x) + " " + pixels(y) + ") rotate(-90)") +
              attribute("text-anchor", anchor_name(anchor)) + ">" + html_escape(words) + "</text>";
}

std::string Svg::finish() const { return content_ + "</svg>\n"; }

std::string_view series_colour(std::size_t index) {
  // Okabe and Ito's palette: told apart also by readers who do not see all colours.
  constexpr std::array<std::string_view, 9> kColours = {"#0072b2", "#d55e00", "#009e73",
                                                        "#cc79a7", "#e69f00", "#56b4e9",
                                                        "#7a5195", "#555555", "#9a6f00"};
  return kColours[index % kColours.size()];
}

}  // namespace midpo
