// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

namespace midpo {

/// Central difference of f() in x, in double: exact to about 1e-9 relative for smooth f.
template <class Function>
double derivative(const Function& f, double& x) {
  double middle = x;
  double step = 1e-5 * std::max(1.0, std::abs(middle));
  x = middle + step;
  double above = f();
  x = middle - step;
  double below = f();
  x = middle;
  return (above - below) / (2.0 * step);
}

}  // namespace midpo
