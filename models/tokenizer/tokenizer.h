// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back, exactly as Hugging Face `tokenizers` and `sentencepiece` do it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/hash.h"

namespace midpo {

/// An immutable tokenizer; any number of threads may use one at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of a text. Special tokens written in the text are recognised as the files say.
  /// @param add_special_tokens  also what the post-processor adds (BOS, EOS, ...), as HF's
  ///   tokenizer(text) does by default.
  /// @throws Error(kData) when the text is not valid UTF-8; names the byte offset.
  virtual std::vector<std::int32_t> encode(std::string_view text,
                                           bool add_special_tokens) const = 0;

  /// Text of ids. An id without a token gives no text: padded vocabularies have such ids.
  virtual std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const = 0;

  virtual std::int64_t vocab_size() const = 0;  ///< largest id + 1, added tokens included
  virtual std::optional<std::int32_t> token_id(std::string_view token) const = 0;
  virtual std::optional<std::int32_t> bos_id() const = 0;
  virtual std::optional<std::int32_t> eos_id() const = 0;
  virtual std::optional<std::int32_t> pad_id() const = 0;
  virtual std::string eos_token() const = 0;  ///< its text, empty if there is none

  /// Names everything that decides ids: two tokenizers with equal hash give equal ids.
  virtual const ContentHash& content() const = 0;
};

/// Reads a Hugging Face model directory: tokenizer.json if present, else tokenizer.model;
/// tokenizer_config.json, special_tokens_map.json, added_tokens.json where they exist.
///
/// tokenizer.json is followed to the letter, as `tokenizers` and AutoTokenizer of transformers 5
/// do: its post-processor alone decides on BOS and EOS, a special token marked "normalized": true
/// is looked for in the normalised text, its truncation and padding do not apply, and decode() does
/// not tidy spaces up. Only for tokenizer_class LlamaTokenizer does AutoTokenizer of transformers 5
/// make another tokenizer of the file's vocabulary: its ids differ behind special tokens, and from
/// leading spaces on; those here are the file's. With tokenizer.model, add_bos_token and
/// add_eos_token decide (by default BOS and no EOS); see sentencepiece_tokenizer.h.
/// @throws Error(kCheckpoint) naming file and key for what is missing, broken or not supported.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& model_dir);

}  // namespace midpo
