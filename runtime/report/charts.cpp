// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "runtime/report/svg.h"

namespace midpo {
namespace {

struct Frame {
  Scale x;
  Scale y;
};

struct Box {
  double left, top, right, bottom;
};

/// Grid lines, tick labels and axis names around the box.
Frame draw_axes(Svg& svg, const Box& box, const std::vector<double>& x_ticks,
                const std::vector<double>& y_ticks, const std::string& x_label,
                const std::string& y_label) {
  const Scale x(x_ticks.front(), x_ticks.back(), box.left, box.right);
  const Scale y(y_ticks.front(), y_ticks.back(), box.bottom, box.top);
  for (const double tick : x_ticks) {
    svg.line(x(tick), box.top, x(tick), box.bottom, "grid");
    svg.text(x(tick), box.bottom + 16, short_number(tick), Anchor::kMiddle);
  }
  for (const double tick : y_ticks) {
    svg.line(box.left, y(tick), box.right, y(tick), "grid");
    svg.text(box.left - 6, y(tick) + 4, short_number(tick), Anchor::kEnd);
  }
  svg.text((box.left + box.right) / 2, box.bottom + 34, x_label, Anchor::kMiddle, "axis");
  if (!y_label.empty()) {
    svg.vertical_text(14, (box.top + box.bottom) / 2, y_label, Anchor::kMiddle);
  }
  return {x, y};
}

std::pair<double, double> range_of(const std::vector<PlanePoint>& points,
                                   Estimate PlanePoint::*axis) {
  double low = (points.front().*axis).low;
  double high = (points.front().*axis).high;
  for (const PlanePoint& point : points) {
    low = std::min(low, (point.*axis).low);
    high = std::max(high, (point.*axis).high);
  }
  return {low, high};
}

std::string interval_text(const Estimate& estimate) {
  return short_number(estimate.mean) + " [" + short_number(estimate.low) + ", " +
         short_number(estimate.high) + "]";
}

/// Heights of the labels, moved apart where points lie close together.
std::vector<double> label_heights(const std::vector<double>& wanted) {
  constexpr double kLineHeight = 15.0;
  std::vector<std::size_t> order(wanted.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  std::vector<double> heights(wanted);
  for (std::size_t i = 1; i < order.size(); ++i) {
    heights[order[i]] = std::max(heights[order[i]], heights[order[i - 1]] + kLineHeight);
  }
  return heights;
}

std::vector<std::pair<double, double>> averaged(
    const std::vector<std::pair<double, double>>& points) {
  constexpr std::size_t kMaxPoints = 200;
  const std::size_t group = (points.size() + kMaxPoints - 1) / kMaxPoints;
  if (group <= 1) return points;
  std::vector<std::pair<double, double>> means;
  for (std::size_t first = 0; first < points.size(); first += group) {
    const std::size_t count = std::min(group, points.size() - first);
    double step = 0.0;
    double value = 0.0;
    for (std::size_t i = first; i < first + count; ++i) {
      step += points[i].first;
      value += points[i].second;
    }
    means.emplace_back(step / static_cast<double>(count), value / static_cast<double>(count));
  }
  return means;
}

/// White at 0, the palette's blue at 1.
std::string shade(double value) {
  const double part = std::clamp(value, 0.0, 1.0);
  const auto channel = [&](int full) {
    return static_cast<int>(std::lround(255.0 - part * (255.0 - full)));
  };
  std::array<char, 8> buffer;
  std::snprintf(buffer.data(), buffer.size(), "#%02x%02x%02x", channel(0x00), channel(0x52),
                channel(0x92));
  return buffer.data();
}

}  // namespace

std::string plane_chart(const std::vector<PlanePoint>& points, const std::string& safety_label,
                        const std::string& helpfulness_label) {
  constexpr double kWidth = 860;
  constexpr double kHeight = 480;
  const Box box{64, 16, 620, 424};
  Svg svg(kWidth, kHeight, "Methods by " + safety_label + " and " + helpfulness_label);
  const auto [low_x, high_x] = range_of(points, &PlanePoint::safety);
  const auto [low_y, high_y] = range_of(points, &PlanePoint::helpfulness);
  const Frame frame = draw_axes(svg, box, axis_ticks(low_x, high_x, 6),
                                axis_ticks(low_y, high_y, 6), safety_label, helpfulness_label);
  std::vector<double> wanted;
  for (const PlanePoint& point : points) wanted.push_back(frame.y(point.helpfulness.mean));
  const std::vector<double> heights = label_heights(wanted);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const PlanePoint& point = points[i];
    const double x = frame.x(point.safety.mean);
    const double y = frame.y(point.helpfulness.mean);
    svg.line(frame.x(point.safety.low), y, frame.x(point.safety.high), y, "interval");
    svg.line(x, frame.y(point.helpfulness.low), x, frame.y(point.helpfulness.high), "interval");
    svg.line(x, y, box.right + 12, heights[i], "leader");
    svg.circle(x, y, 6, series_colour(i),
               point.name + ": " + safety_label + " " + interval_text(point.safety) + ", " +
                   helpfulness_label + " " + interval_text(point.helpfulness));
    svg.circle(box.right + 18, heights[i], 5, series_colour(i), "");
    svg.text(box.right + 28, heights[i] + 4, point.name, Anchor::kStart);
  }
  return svg.finish();
}

std::string curve_chart(const std::string& title,
                        const std::vector<std::pair<double, double>>& points, std::size_t colour) {
  constexpr double kWidth = 400;
  constexpr double kHeight = 230;
  const Box box{58, 28, 388, 184};
  Svg svg(kWidth, kHeight, title);
  svg.text(box.left, 16, title, Anchor::kStart, "title");
  const auto smooth = averaged(points);
  const auto [low, high] =
      std::minmax_element(smooth.begin(), smooth.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; });
  const Frame frame = draw_axes(svg, box, axis_ticks(smooth.front().first, smooth.back().first, 5),
                                axis_ticks(low->second, high->second, 5), "step", "");
  std::vector<std::pair<double, double>> line;
  for (const auto& [step, value] : smooth) line.emplace_back(frame.x(step), frame.y(value));
  svg.polyline(line, series_colour(colour));
  return svg.finish();
}

std::string gate_chart(const std::string& title, const std::vector<std::string>& tokens,
                       const std::vector<std::vector<double>>& gate) {
  constexpr double kCell = 22;
  const Box box{70, 28, 70 + kCell * static_cast<double>(tokens.size()),
                28 + kCell * static_cast<double>(gate.size())};
  Svg svg(box.right + 12, box.bottom + 110, title);
  svg.text(0, 16, title, Anchor::kStart, "title");
  for (std::size_t layer = 0; layer < gate.size(); ++layer) {
    const double y = box.top + kCell * static_cast<double>(layer);
    svg.text(box.left - 6, y + 15, "layer " + std::to_string(layer), Anchor::kEnd);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      svg.rect(box.left + kCell * static_cast<double>(t), y, kCell - 1, kCell - 1,
               shade(gate[layer][t]),
               "layer " + std::to_string(layer) + ", " + tokens[t] + ": " +
                   short_number(gate[layer][t]));
    }
  }
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    svg.vertical_text(box.left + kCell * (static_cast<double>(t) + 0.7), box.bottom + 6, tokens[t],
                      Anchor::kEnd);
  }
  return svg.finish();
}

std::string yield_chart(const YieldData& data) {
  constexpr double kWidth = 640;
  constexpr double kBarHeight = 26;
  std::vector<std::pair<std::string, std::uint64_t>> parts = {{"kept", data.rows_out}};
  for (const auto& [reason, rows] : data.filtered) parts.emplace_back(reason, rows);
  if (data.rows_quarantined > 0) parts.emplace_back("quarantined", data.rows_quarantined);
  const double height = 60 + 18 * static_cast<double>(parts.size());
  Svg svg(kWidth, height, "Rows of " + data.name);
  const double total = std::max(1.0, static_cast<double>(data.rows_in));
  double x = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [label, rows] = parts[i];
    const double width = kWidth * static_cast<double>(rows) / total;
    const double y = kBarHeight + 18 * static_cast<double>(i + 1);
    svg.rect(x, 0, width, kBarHeight, series_colour(i), label + ": " + std::to_string(rows));
    svg.rect(0, y - 10, 12, 12, series_colour(i), "");
    svg.text(20, y,
             label + ": " + std::to_string(rows) + " (" +
                 short_number(100.0 * static_cast<double>(rows) / total) + " %)",
             Anchor::kStart);
    x += width;
  }
  return svg.finish();
}

}  // namespace midpo
