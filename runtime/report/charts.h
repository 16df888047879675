// SPDX-License-Identifier: Apache-2.0
// The pictures of the report, each a complete SVG element.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/report/run_data.h"

namespace midpo {

/// A method on the safety-helpfulness plane.
struct PlanePoint {
  std::string name;
  Estimate safety;
  Estimate helpfulness;
};

/// Each method as a point with both confidence intervals; up and to the right is better.
std::string plane_chart(const std::vector<PlanePoint>& points, const std::string& safety_label,
                        const std::string& helpfulness_label);

/// A curve over steps; long ones are averaged into at most a few hundred points.
std::string curve_chart(const std::string& title,
                        const std::vector<std::pair<double, double>>& points, std::size_t colour);

/// One gate of every layer at every token, from white (0) to full colour (1).
std::string gate_chart(const std::string& title, const std::vector<std::string>& tokens,
                       const std::vector<std::vector<double>>& gate);

/// Rows kept, filtered by reason and quarantined, as one bar.
std::string yield_chart(const YieldData& data);

}  // namespace midpo
