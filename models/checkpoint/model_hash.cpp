// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/model_hash.h"

#include <cstdint>
#include <string_view>

namespace midpo {
namespace {

void add_number(ContentHasher& hasher, std::uint64_t number) {
  hasher.update(&number, sizeof(number));
}

/// With its length in front, so that no two sequences of fields give the same bytes.
void add_text(ContentHasher& hasher, std::string_view text) {
  add_number(hasher, text.size());
  hasher.update(text);
}

}  // namespace

ContentHash hash_model(const WeightFiles& weights, const std::string& config_json_text) {
  ContentHasher hasher;
  add_text(hasher, config_json_text);
  add_number(hasher, weights.tensors().size());
  for (const StoredTensor& tensor : weights.tensors()) {
    weights.check_unchanged();
    add_text(hasher, tensor.name);
    add_text(hasher, stored_type_name(tensor.type));
    add_number(hasher, tensor.shape.size());
    for (const std::int64_t dim : tensor.shape) add_number(hasher, static_cast<std::uint64_t>(dim));
    hasher.update(tensor.data, tensor.size_bytes);
    weights.release(tensor);
  }
  weights.check_unchanged();
  return hasher.digest();
}

}  // namespace midpo
