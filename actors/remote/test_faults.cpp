// SPDX-License-Identifier: Apache-2.0
#include "actors/remote/test_faults.h"

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "runtime/core/error.h"
#include "runtime/observe/log.h"

namespace midpo {
namespace {

constexpr const char* kVariable = "MIDPO_TEST_FAULTS";
constexpr const char* kPoison = "poison_prompt";

/// By the words of the variable; those of a bad network and the others.
std::map<std::string, double> entries_of_environment() {
  const std::set<std::string> known{"drop",    "doubled", "corrupt", "reordered",
                                    "delayed", "seed",    kPoison};
  std::map<std::string, double> values;
  const char* text = std::getenv(kVariable);
  std::istringstream entries(text == nullptr ? "" : text);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const std::size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    const double value = equals == std::string::npos ? -1.0 : std::atof(entry.c_str() + equals + 1);
    require(value >= 0.0 && known.count(name) == 1, ErrorCode::kConfig,
            std::string(kVariable) + ": cannot read '" + entry + "'");
    values[name] = value;
  }
  return values;
}

}  // namespace

std::optional<FaultPlan> faults_from_environment() {
  auto values = entries_of_environment();
  values.erase(kPoison);
  if (values.empty()) return std::nullopt;
  FaultRates rates;
  rates.drop = values["drop"];
  rates.doubled = values["doubled"];
  rates.corrupt = values["corrupt"];
  rates.reordered = values["reordered"];
  rates.delayed = values["delayed"];
  log::warn("test_faults", {{"text", std::getenv(kVariable)}});
  return FaultPlan(rates, static_cast<std::uint64_t>(values["seed"]));
}

std::optional<std::uint64_t> poison_prompt_from_environment() {
  const auto values = entries_of_environment();
  const auto poison = values.find(kPoison);
  if (poison == values.end()) return std::nullopt;
  return static_cast<std::uint64_t>(poison->second);
}

}  // namespace midpo
