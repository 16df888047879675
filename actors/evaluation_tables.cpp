// SPDX-License-Identifier: Apache-2.0
#include "actors/evaluation_tables.h"

#include "runtime/observe/table.h"

namespace midpo {
namespace {

constexpr int kDecimals = 3;

void add_estimates(Table& table, const std::string& group, const Estimates& estimates) {
  for (const auto& [name, estimate] : estimates) {
    table.row({group, name, Cell(estimate.mean, kDecimals), Cell(estimate.low, kDecimals),
               Cell(estimate.high, kDecimals), estimate.count});
  }
}

}  // namespace

std::string estimate_table(const EvaluationData& data) {
  if (data.all.empty()) return "";
  Table table({"requests", "number", "mean", "95 % from", "to", "rows"});
  add_estimates(table, "all", data.all);
  for (const auto& [kind, estimates] : data.by_kind) {
    table.rule();
    add_estimates(table, kind, estimates);
  }
  return table.text();
}

std::string tally_table(const std::map<std::string, Tally>& tallies) {
  if (tallies.empty()) return "";
  Table table({"axis", "wins", "ties", "losses", "win rate", "95 % from", "to"});
  for (const auto& [axis, tally] : tallies) {
    const Estimate rate = win_rate(tally);
    table.row({axis, tally.wins, tally.ties, tally.losses, Cell(rate.mean, kDecimals),
               Cell(rate.low, kDecimals), Cell(rate.high, kDecimals)});
  }
  return "\n" + table.text();
}

}  // namespace midpo
