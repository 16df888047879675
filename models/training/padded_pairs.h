// SPDX-License-Identifier: Apache-2.0
// Pairs as the published code pads and reads them.
#pragma once

#include <cstdint>
#include <span>

#include "models/batch.h"
#include "models/engines.h"

namespace midpo {

/// Every token is packed and read: those of the sequences first, then pad tokens that fill each
/// sequence to `width`. A pad token attends to its sequence's own tokens and to no pad token, not
/// even itself: the attention mask hides them as keys. Targets are the tokens behind the first
/// difference, and one pad token behind every sequence shorter than `width`.
LogProbBatch pack_padded_pairs(std::span<const RowTokens> rows, std::size_t width,
                               std::int32_t pad_id);

}  // namespace midpo
