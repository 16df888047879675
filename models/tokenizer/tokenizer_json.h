// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer/added_tokens.h"
#include "models/tokenizer/bpe_model.h"
#include "models/tokenizer/decoder.h"
#include "models/tokenizer/normalizer.h"
#include "models/tokenizer/post_processor.h"
#include "models/tokenizer/pre_tokenizer.h"

namespace midpo {

/// The parts of a tokenizer.json. Its truncation and padding do not apply: whoever asks for ids
/// decides on both.
struct TokenizerJson {
  BpeModel model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  PostProcessor post_processor;
  TokenDecoder decoder;
  std::vector<AddedToken> added_tokens;
};

/// @throws Error(kCheckpoint) naming file, key and value for what is broken or not supported.
TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& where);

}  // namespace midpo
