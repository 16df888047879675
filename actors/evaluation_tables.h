// SPDX-License-Identifier: Apache-2.0
// Evaluations as text on the terminal.
#pragma once

#include <map>
#include <string>

#include "runtime/report/evaluation_data.h"

namespace midpo {

/// Means with their intervals, of all responses and by kind.
std::string estimate_table(const EvaluationData& data);

/// Wins, ties, losses and win rate by axis; empty if there is none.
std::string tally_table(const std::map<std::string, Tally>& tallies);

}  // namespace midpo
