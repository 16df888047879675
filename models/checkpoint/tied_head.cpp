// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/tied_head.h"

#include <cstring>

#include "models/checkpoint/checkpoint_error.h"
#include "models/checkpoint/expected_tensors.h"

namespace midpo {
namespace {

constexpr const char* kHead = "lm_head";

/// Tensors of a .bin file may be the same bytes.
bool is_equal(const StoredTensor& a, const StoredTensor& b) {
  return a.type == b.type && a.shape == b.shape && a.size_bytes == b.size_bytes &&
         (a.data == b.data || std::memcmp(a.data, b.data, a.size_bytes) == 0);
}

}  // namespace

void require_tied_head(const ModelConfig& config, const WeightFiles& weights) {
  if (!config.tie_word_embeddings || config.score_head) return;
  const std::string embeddings_name = trunk_prefix(config) + "embed_tokens.weight";
  const StoredTensor* const head = weights.find(std::string(kHead) + ".weight");
  const StoredTensor* const embeddings = weights.find(embeddings_name);
  if (head == nullptr || embeddings == nullptr || is_equal(*head, *embeddings)) return;
  weights.check_unchanged();
  refuse_checkpoint(head->file, head->name + " differs from " + embeddings_name +
                                    ", but config.json ties them; set its tie_word_embeddings to "
                                    "false if the head is meant, or take the head out");
}

void require_free_head(const AdapterConfig& adapter, const ModelConfig& base,
                       const std::string& base_name) {
  if (!base.tie_word_embeddings) return;
  for (const LoraTarget& target : adapter.targets) {
    if (target.module != kHead) continue;
    refuse_checkpoint(adapter.weights_path,
                      "adapts lm_head, which " + base_name + " ties to its embeddings");
  }
}

}  // namespace midpo
