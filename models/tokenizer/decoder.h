// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/tokenizer/json_node.h"
#include "models/tokenizer/regex.h"

namespace midpo {

/// One change of the list of tokens on the way to a text.
class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  virtual void apply(std::vector<std::string>& tokens, RegexScratch& scratch) const = 0;
};

/// The `decoder` of a tokenizer.json: Sequence, ByteLevel, Metaspace, Replace, ByteFallback, Fuse,
/// Strip. Immutable.
class TokenDecoder {
 public:
  TokenDecoder() = default;  ///< joins the tokens with spaces
  /// @throws Error(kCheckpoint) naming the type that is not supported.
  explicit TokenDecoder(const JsonNode& node);

  std::string decode(std::vector<std::string> tokens) const;

 private:
  void add_steps(const JsonNode& node);

  std::vector<std::unique_ptr<const DecoderStep>> steps_;
  bool joins_with_spaces_ = true;
};

}  // namespace midpo
