// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/test_faults.h"

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "runtime/core/error.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

double* rate_of(FaultRates& rates, const std::string& name) {
  const std::map<std::string, double*> known{{"drop", &rates.drop},
                                             {"doubled", &rates.doubled},
                                             {"corrupt", &rates.corrupt},
                                             {"reordered", &rates.reordered},
                                             {"delayed", &rates.delayed}};
  const auto found = known.find(name);
  return found == known.end() ? nullptr : found->second;
}

}  // namespace

std::optional<FaultPlan> faults_from_environment() {
  const char* text = std::getenv("MIDPO_TEST_FAULTS");
  if (text == nullptr) return std::nullopt;
  FaultRates rates;
  std::uint64_t seed = 0;
  std::istringstream entries(text);
  std::string entry;
  while (std::getline(entries, entry, ',')) {
    const std::size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    const double value = equals == std::string::npos ? -1.0 : std::atof(entry.c_str() + equals + 1);
    double* rate = rate_of(rates, name);
    require(value >= 0.0 && (rate != nullptr || name == "seed"), ErrorCode::kConfig,
            "MIDPO_TEST_FAULTS: cannot read '" + entry + "'");
    if (rate != nullptr) *rate = value;
    if (rate == nullptr) seed = static_cast<std::uint64_t>(value);
  }
  log::warn("test_faults", {{"text", text}});
  return FaultPlan(rates, seed);
}

}  // namespace midpo
