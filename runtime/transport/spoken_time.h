// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <sstream>
#include <string>

namespace midpo {

/// "2.5 s"
inline std::string spoken_time(std::chrono::steady_clock::duration duration) {
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << std::chrono::duration<double>(duration).count() << " s";
  return text.str();
}

}  // namespace midpo
