// SPDX-License-Identifier: Apache-2.0
// Stored floating-point values of any type to and from fp32.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/checkpoint/weight_files.h"

namespace midpo {

/// All elements. @throws Error(kCheckpoint) naming a tensor that is not of a floating-point type.
std::vector<float> float_values(const StoredTensor& stored);

/// Rounded to nearest, ties to even; `type` is a floating-point one.
std::vector<std::byte> stored_bytes(std::span<const float> values, StoredType type);

}  // namespace midpo
