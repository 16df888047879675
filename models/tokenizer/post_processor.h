// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "models/tokenizer/json_node.h"

namespace midpo {

/// The `post_processor` of a tokenizer.json as what it comes to for a single text: ids before and
/// behind. TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which adds nothing)
/// and Sequence.
struct PostProcessor {
  std::vector<std::int32_t> prefix;
  std::vector<std::int32_t> suffix;

  PostProcessor() = default;
  /// @throws Error(kCheckpoint) naming what is not supported.
  explicit PostProcessor(const JsonNode& node);

 private:
  void wrap(const JsonNode& node);
  void wrap_template(const JsonNode& node);
  void require_one_text(const JsonNode& node) const;

  bool is_in_pieces_ = false;  ///< a template has added tokens: processors behind it see pieces
};

}  // namespace midpo
