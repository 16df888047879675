// SPDX-License-Identifier: Apache-2.0
#include "actors/score_rows.h"

#include <iterator>

#include "runtime/core/error.h"

namespace midpo {

std::vector<std::vector<double>> score_within_memory(const Scorer& scorer,
                                                     std::span<const RowTokens> rows) {
  try {
    return scorer.score(rows);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory || rows.size() < 2) throw;
  }
  auto values = score_within_memory(scorer, rows.first(rows.size() / 2));
  auto rest = score_within_memory(scorer, rows.subspan(rows.size() / 2));
  values.insert(values.end(), std::make_move_iterator(rest.begin()),
                std::make_move_iterator(rest.end()));
  return values;
}

}  // namespace midpo
