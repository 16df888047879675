// SPDX-License-Identifier: Apache-2.0
#include "models/generation/kv_cache.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "models/rope_table.h"
#include "models/row_chunks.h"

namespace midpo {

KvCache::KvCache(const Decoder& decoder, std::int64_t num_rows)
    : frequencies_(decoder.weights().rope_frequencies) {
  const ModelConfig& config = decoder.config();
  const auto options = decoder.weights().embeddings_VE.options();
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    // Not filled: the memory of rows that are never used is never touched.
    keys_HSD_.push_back(at::empty({config.num_kv_heads, num_rows, config.head_dim}, options));
    values_HSD_.push_back(at::empty({config.num_kv_heads, num_rows, config.head_dim}, options));
  }
}

const at::Tensor& KvCache::cos_sin(std::int64_t num_positions) {
  constexpr std::int64_t kGrowth = 512;
  if (!cos_sin_.defined() || cos_sin_.size(0) < num_positions) {
    const std::int64_t size = round_up(num_positions, kGrowth);
    std::vector<float> table = rope_cos_sin(frequencies_, size);
    const auto dim = static_cast<std::int64_t>(2 * frequencies_.size());
    cos_sin_ = at::from_blob(table.data(), {size, dim}, at::TensorOptions().dtype(at::kFloat))
                   .to(keys_HSD_.front().device(), at::kFloat, false, true);
  }
  return cos_sin_;
}

std::int64_t KvCache::bytes_per_row(const Decoder& decoder) {
  const ModelConfig& config = decoder.config();
  const auto element_size =
      static_cast<std::int64_t>(decoder.weights().embeddings_VE.element_size());
  return 2 * config.num_layers * config.num_kv_heads * config.head_dim * element_size;
}

}  // namespace midpo
