// SPDX-License-Identifier: Apache-2.0
// The result of an evaluation, and its file: NAME.summary.json.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "runtime/core/statistics.h"

namespace midpo {

/// Means of an evaluation by name: reward, cost, helpful, safe, ...
using Estimates = std::map<std::string, Estimate>;

/// Outcome of a comparison with the same rows of another file, on one axis.
struct Tally {
  std::uint64_t wins = 0;
  std::uint64_t ties = 0;
  std::uint64_t losses = 0;

  bool operator==(const Tally&) const = default;
};

/// Adds one comparison: a positive advantage is a win, zero a tie.
void count_outcome(Tally& tally, double advantage);

/// Wins plus half the ties, as a share, with its interval.
Estimate win_rate(const Tally& tally);

struct EvaluationData {
  std::string name;  ///< file, relative to the run's folder
  Estimates all;
  std::map<std::string, Estimates> by_kind;
  std::string against_file;
  std::map<std::string, Tally> against;  ///< by axis
};

/// Values that are all 0 or 1 are a share and get Wilson's interval, others Student's.
Estimate estimate_of(std::span<const double> values);

std::string evaluation_json(const EvaluationData& data);  ///< with a line feed at the end

/// @throws Error(kData) if the text is not what evaluation_json() writes.
EvaluationData parse_evaluation(const std::string& text);

}  // namespace midpo
