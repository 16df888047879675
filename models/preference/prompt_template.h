// SPDX-License-Identifier: Apache-2.0
// From a prompt and a response to the token sequence that the models see.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/learner.h"
#include "models/tokenizer/tokenizer.h"

namespace midpo {

/// kTraining:  BEGINNING OF CONVERSATION: USER: {prompt} ASSISTANT:{answer}{eos}
/// kPublished: BEGINNING OF CONVERSATION: USER: {prompt} ASSISTANT: {answer} , no eos: what the
/// published
///             scoring code feeds its score models.
enum class TemplateKind { kTraining, kPublished };

/// "training", "published". @throws Error(kConfig) for another name.
TemplateKind template_kind_from_name(std::string_view name);

/// A token sequence, cut on the right to the length limit.
struct EncodedText {
  std::vector<std::int32_t> ids;
  bool is_truncated = false;
};

/// The same, and which of its tokens an assistant says: the targets of supervised fine-tuning.
struct EncodedDialogue {
  EncodedText text;
  std::vector<TokenSpan> answers;  ///< ascending, begin >= 1; eos belongs to its answer
};

/// Applies one template with one tokenizer. Immutable; any number of threads may use it at once.
class PromptTemplate {
 public:
  /// @param max_length  tokens, BOS and EOS included; >= 1.
  PromptTemplate(TemplateKind kind, std::shared_ptr<const Tokenizer> tokenizer,
                 std::int64_t max_length);

  /// @param turns  the prompt, or alternating user and assistant turns ending with the user's; eos
  /// follows
  ///   each assistant turn.
  /// @throws Error(kCheckpoint) if eos is needed and the tokenizer has none.
  EncodedText encode(std::span<const std::string> turns, std::string_view response) const;

  /// As encode(), with the spans of all assistant turns, the response being the last. An answer
  /// begins at the first token that is not the one its prompt alone would have there. Spans behind
  /// the length limit are cut or left out.
  /// @throws Error(kConfig) under kPublished, which is for scoring only.
  EncodedDialogue encode_dialogue(std::span<const std::string> turns,
                                  std::string_view response) const;

  /// What a response follows: the same up to and with "ASSISTANT:", no eos behind it. Not cut.
  std::vector<std::int32_t> encode_prompt(std::span<const std::string> turns) const;

  /// A text to be continued as it stands: as encode_plain(), but not cut and no eos behind it.
  std::vector<std::int32_t> encode_plain_prompt(std::string_view text) const;

  /// A text as it stands, special tokens as the tokenizer adds them.
  EncodedText encode_plain(std::string_view text) const;

  /// False when the files' own rules do not recognise eos inside a text: it is then added by id,
  /// and the caller should warn (see docs/method.md).
  bool recognises_eos_text() const { return recognises_eos_text_; }

  TemplateKind kind() const { return kind_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const std::shared_ptr<const Tokenizer>& shared_tokenizer() const { return tokenizer_; }

 private:
  std::vector<std::int32_t> encode_opening(std::span<const std::string> turns) const;
  EncodedText truncated(std::vector<std::int32_t> ids) const;
  std::int32_t required_eos() const;
  std::vector<std::int32_t> without_final_eos(std::vector<std::int32_t> ids) const;
  std::vector<std::int32_t> encode_segments(std::span<const std::string> segments) const;

  TemplateKind kind_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::int64_t max_length_;
  std::string eos_text_;
  std::optional<std::int32_t> eos_id_;
  bool recognises_eos_text_ = true;
  bool tokenizer_adds_eos_ = false;  ///< its post-processor ends every text with eos
};

}  // namespace midpo
