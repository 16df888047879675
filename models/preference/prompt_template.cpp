// SPDX-License-Identifier: Apache-2.0
#include "models/preference/prompt_template.h"

#include <algorithm>

#include "runtime/core/error.h"

namespace midpo {
namespace {

constexpr std::string_view kBegin = "BEGINNING OF CONVERSATION: ";
constexpr std::string_view kUser = "USER: ";
constexpr std::string_view kAssistant = "ASSISTANT:";

/// eos ends a segment: one after each assistant turn that is part of the prompt.
std::vector<std::string> segments_of(std::span<const std::string> turns) {
  std::vector<std::string> segments(1, std::string(kBegin));
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (i % 2 == 0) {
      segments.back().append(kUser).append(turns[i]).append(" ").append(kAssistant);
    } else {
      segments.back().append(turns[i]);
      segments.emplace_back();
    }
  }
  return segments;
}

}  // namespace

TemplateKind template_kind_from_name(std::string_view name) {
  if (name == "training") return TemplateKind::kTraining;
  if (name == "published") return TemplateKind::kPublished;
  throw Error(ErrorCode::kConfig,
              "template is " + std::string(name) + ", must be one of: training, published");
}

PromptTemplate::PromptTemplate(TemplateKind kind, std::shared_ptr<const Tokenizer> tokenizer,
                               std::int64_t max_length)
    : kind_(kind), tokenizer_(std::move(tokenizer)), max_length_(max_length) {
  eos_id_ = tokenizer_->eos_id();
  if (!eos_id_) return;
  eos_text_ = tokenizer_->eos_token();
  const auto complete = tokenizer_->encode("a", true);
  tokenizer_adds_eos_ = !complete.empty() && complete.back() == *eos_id_;
  const auto probe = tokenizer_->encode("a" + eos_text_ + "b", false);
  recognises_eos_text_ = std::count(probe.begin(), probe.end(), *eos_id_) == 1;
}

std::int32_t PromptTemplate::required_eos() const {
  if (!eos_id_) {
    throw Error(ErrorCode::kCheckpoint,
                "the tokenizer names no eos_token, which the template needs; add it to "
                "tokenizer_config.json");
  }
  return *eos_id_;
}

EncodedText PromptTemplate::truncated(std::vector<std::int32_t> ids) const {
  const auto limit = static_cast<std::size_t>(max_length_);
  const bool is_long = ids.size() > limit;
  if (is_long) ids.resize(limit);
  return {std::move(ids), is_long};
}

std::vector<std::int32_t> PromptTemplate::encode_segments(
    std::span<const std::string> segments) const {
  if (segments.size() > 1) required_eos();
  if (recognises_eos_text_ || segments.size() == 1) {
    std::string text;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (i > 0) text += eos_text_;
      text += segments[i];
    }
    return tokenizer_->encode(text, true);
  }
  std::vector<std::int32_t> ids = tokenizer_->encode(segments.front(), true);
  for (const std::string& segment : segments.subspan(1)) {
    ids.push_back(*eos_id_);
    const auto more = tokenizer_->encode(segment, false);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

EncodedText PromptTemplate::encode(std::span<const std::string> turns,
                                   std::string_view response) const {
  std::vector<std::string> segments = segments_of(turns);
  if (kind_ == TemplateKind::kPublished) {
    segments.back().append(" ").append(response).append(" ");
    return truncated(encode_segments(segments));
  }
  segments.back().append(response);
  std::vector<std::int32_t> ids = encode_segments(segments);
  if (!tokenizer_adds_eos_) ids.push_back(required_eos());
  return truncated(std::move(ids));
}

/// Everything before the last answer of `turns`: ends in "ASSISTANT:", nothing added behind it.
std::vector<std::int32_t> PromptTemplate::encode_opening(std::span<const std::string> turns) const {
  std::vector<std::int32_t> ids = encode_segments(segments_of(turns));
  if (tokenizer_adds_eos_) ids.pop_back();
  return ids;
}

EncodedDialogue PromptTemplate::encode_dialogue(std::span<const std::string> turns,
                                                std::string_view response) const {
  require(kind_ == TemplateKind::kTraining, ErrorCode::kConfig,
          "template published is for scoring; fine-tuning needs template training");
  EncodedDialogue dialogue{encode(turns, response), {}};
  const std::vector<std::int32_t>& ids = dialogue.text.ids;
  const auto shared_with = [&](const std::vector<std::int32_t>& opening) {
    const auto end = std::mismatch(ids.begin(), ids.end(), opening.begin(), opening.end()).first;
    return static_cast<std::uint32_t>(end - ids.begin());
  };
  for (std::size_t asked = 1; asked <= turns.size(); asked += 2) {
    const std::uint32_t begin = std::max(1U, shared_with(encode_opening(turns.first(asked))));
    // The next user's turn begins behind the answer's eos, which no text can merge with.
    std::vector<std::int32_t> answered;
    if (asked < turns.size()) answered = encode_opening(turns.first(asked + 1));
    const bool is_last = asked == turns.size();
    const auto end = is_last ? static_cast<std::uint32_t>(ids.size()) : shared_with(answered);
    if (begin < end) dialogue.answers.push_back({begin, end});
  }
  return dialogue;
}

std::vector<std::int32_t> PromptTemplate::without_final_eos(std::vector<std::int32_t> ids) const {
  if (tokenizer_adds_eos_ && !ids.empty() && ids.back() == *eos_id_) ids.pop_back();
  return ids;
}

std::vector<std::int32_t> PromptTemplate::encode_prompt(std::span<const std::string> turns) const {
  return encode_opening(turns);
}

std::vector<std::int32_t> PromptTemplate::encode_plain_prompt(std::string_view text) const {
  return without_final_eos(tokenizer_->encode(text, true));
}

EncodedText PromptTemplate::encode_plain(std::string_view text) const {
  return truncated(tokenizer_->encode(text, true));
}

}  // namespace midpo
