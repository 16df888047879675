// SPDX-License-Identifier: Apache-2.0
// What a decoder keeps of the tokens it has seen. Dimensions: Hkv key/value heads, S rows, D head.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/decoder.h"

namespace midpo {

/// Keys and values of every layer, one row a token, and the rotations of all positions. Who uses
/// which rows is the caller's to know (RowAllocator).
class KvCache {
 public:
  KvCache(const Decoder& decoder, std::int64_t num_rows);

  const at::Tensor& keys_HSD(std::size_t layer) const { return keys_HSD_[layer]; }
  const at::Tensor& values_HSD(std::size_t layer) const { return values_HSD_[layer]; }

  /// fp32 [at least num_positions, D], as DeviceBatch::cos_sin; grows on demand.
  const at::Tensor& cos_sin(std::int64_t num_positions);

  /// Bytes that one token takes.
  static std::int64_t bytes_per_row(const Decoder& decoder);

 private:
  std::vector<at::Tensor> keys_HSD_, values_HSD_;
  at::Tensor cos_sin_;
  std::vector<float> frequencies_;
};

}  // namespace midpo
