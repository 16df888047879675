// SPDX-License-Identifier: Apache-2.0
#include "runtime/core/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace midpo {
namespace {

constexpr double kNormalQuantile = 1.959963984540054;

}  // namespace

double student_t_quantile(std::uint64_t degrees_of_freedom) {
  // The expansion below needs some degrees of freedom before it is exact to four digits.
  constexpr std::array<double, 5> kFirst = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706};
  if (degrees_of_freedom <= kFirst.size()) return kFirst[degrees_of_freedom - 1];
  const double n = static_cast<double>(degrees_of_freedom);
  const double z = kNormalQuantile;
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  const double z9 = z7 * z * z;
  // Cornish-Fisher expansion in 1 / n (Abramowitz and Stegun, 26.7.5).
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n) +
         (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * n * n * n * n);
}

Estimate mean_estimate(std::span<const double> values) {
  Estimate estimate;
  estimate.count = values.size();
  if (values.empty()) return estimate;
  double sum = 0.0;
  for (const double value : values) sum += value;
  const double n = static_cast<double>(values.size());
  estimate.mean = sum / n;
  double squares = 0.0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  const double half_width = values.size() < 2 ? 0.0
                                              : student_t_quantile(values.size() - 1) *
                                                    std::sqrt(squares / (n - 1.0) / n);
  estimate.low = estimate.mean - half_width;
  estimate.high = estimate.mean + half_width;
  return estimate;
}

Estimate share_estimate(std::uint64_t hits, std::uint64_t count) {
  Estimate estimate;
  estimate.count = count;
  if (count == 0) return estimate;
  const double n = static_cast<double>(count);
  const double share = static_cast<double>(hits) / n;
  const double z2 = kNormalQuantile * kNormalQuantile;
  const double centre = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half_width =
      kNormalQuantile / (1 + z2 / n) * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  estimate.mean = share;
  estimate.low = std::min(share, std::max(0.0, centre - half_width));
  estimate.high = std::max(share, std::min(1.0, centre + half_width));
  return estimate;
}

}  // namespace midpo
