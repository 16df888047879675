// SPDX-License-Identifier: Apache-2.0
#include "models/training/adapter_checks.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "runtime/core/error.h"

namespace midpo {
namespace {

bool is_same(double scale, double other) {
  constexpr double kNoise = 1e-6;
  return std::abs(scale - other) <= kNoise * std::abs(other);
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

std::string plain(double number) {
  std::ostringstream text;
  text.precision(10);
  text << number;
  return text.str();
}

std::string described(const LoraTarget& target) {
  return target.module + " with rank " + std::to_string(target.rank) + " and scale " +
         plain(target.scale);
}

/// The options with which it would be made.
std::string options_of(const AdapterConfig& config) {
  const LoraTarget& first = config.targets.front();
  std::string text = "--lora-rank " + std::to_string(first.rank) + " --lora-alpha " +
                     plain(first.scale * static_cast<double>(first.rank)) +
                     " --lora-target-modules";
  std::set<std::string> names;
  for (const LoraTarget& target : config.targets) names.insert(last_part(target.module));
  for (const std::string& name : names) text += " " + name;
  return text;
}

}  // namespace

void require_continues(const Adapter& adapter, const LoraOptions& lora) {
  const LoraTarget& first = adapter.config.targets.front();
  const double scale = lora.alpha / static_cast<double>(lora.rank);
  bool is_as_wanted = true;
  for (const LoraTarget& target : adapter.config.targets) {
    if (target.rank != first.rank || !is_same(target.scale, first.scale)) {
      throw Error(ErrorCode::kConfig, adapter.path + ": adapts " + described(first) + ", but " +
                                          described(target) +
                                          "; only an adapter of one rank and scale can be "
                                          "trained further");
    }
    is_as_wanted = is_as_wanted && target.rank == lora.rank && is_same(target.scale, scale) &&
                   std::ranges::find(lora.target_modules, last_part(target.module)) !=
                       lora.target_modules.end();
  }
  require(is_as_wanted, ErrorCode::kConfig,
          adapter.path + ": is another adapter than the options say; to train it further give " +
              options_of(adapter.config));
}

void require_gateable(const Adapter& safety, const Adapter& helpfulness) {
  const LoraTarget& first = safety.config.targets.front();
  for (const Adapter* expert : {&safety, &helpfulness}) {
    for (const LoraTarget& target : expert->config.targets) {
      require(target.module.ends_with(".mlp.down_proj"), ErrorCode::kCheckpoint,
              expert->path + ": adapts " + target.module +
                  "; the gates weigh mlp.down_proj only, give experts that adapt nothing else");
      require(is_same(target.scale, first.scale), ErrorCode::kCheckpoint,
              expert->path + ": adapts " + described(target) + ", " + safety.path + " adapts " +
                  described(first) + "; give two experts of one scale (alpha / rank)");
    }
  }
}

}  // namespace midpo
