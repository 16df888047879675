// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "models/engines.h"

namespace midpo {

/// [row][sequence]. Rows that do not fit in memory together are halved until they do: values do not
/// depend on the split. @throws Error, see Scorer::score.
std::vector<std::vector<double>> score_within_memory(const Scorer& scorer,
                                                     std::span<const RowTokens> rows);

}  // namespace midpo
