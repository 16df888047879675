// SPDX-License-Identifier: Apache-2.0
// Means and shares with their 95 % confidence intervals. Closed forms: no resampling, no seed.
#pragma once

#include <cstdint>
#include <span>

namespace midpo {

struct Estimate {
  double mean = 0.0;
  double low = 0.0;  ///< of the 95 % confidence interval
  double high = 0.0;
  std::uint64_t count = 0;
};

/// Student's t interval of the mean of independent values. One value: the interval is that value
/// and says nothing; none: all zero.
Estimate mean_estimate(std::span<const double> values);

/// Wilson's score interval of a share, which stays inside 0..1 and has a width at 0 and 1 too.
/// @param hits <= count
Estimate share_estimate(std::uint64_t hits, std::uint64_t count);

/// The 97.5 % quantile of Student's t distribution. @param degrees_of_freedom >= 1
double student_t_quantile(std::uint64_t degrees_of_freedom);

}  // namespace midpo
