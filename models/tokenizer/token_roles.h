// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/tokenizer/tokenizer.h"

namespace midpo {

/// What tokenizers of every kind know alike: the tokens that play a part, and what names them. A
/// subclass sets the members in its constructor.
class TokenizerWithRoles : public Tokenizer {
 public:
  std::optional<std::int32_t> bos_id() const final { return bos_id_; }
  std::optional<std::int32_t> eos_id() const final { return eos_id_; }
  std::optional<std::int32_t> pad_id() const final { return pad_id_; }
  std::string eos_token() const final { return eos_token_; }
  const ContentHash& content() const final { return content_; }

 protected:
  std::optional<std::int32_t> bos_id_;
  std::optional<std::int32_t> eos_id_;
  std::optional<std::int32_t> pad_id_;
  std::string eos_token_;
  ContentHash content_;
};

}  // namespace midpo
