// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/row_texts.h"

#include <algorithm>

#include "runtime/data/json_values.h"
#include "runtime/data/messages.h"
#include "runtime/data/transcript.h"

namespace midpo {
namespace {

std::vector<std::string> as_turns(const JsonValue& value) {
  if (value.is_string()) return {as_text(value, "prompt")};
  std::vector<std::string> turns;
  if (is_message_list(value)) {
    turns = as_prompt_turns(as_messages(value, "prompt"), "prompt");
  } else {
    for (const JsonValue item : as_list(value, "prompt", "a text or a list of turns")) {
      turns.push_back(as_text(item, "prompt[" + std::to_string(turns.size()) + "]"));
    }
  }
  if (turns.size() % 2 == 0) {
    throw RowProblem("prompt has " + std::to_string(turns.size()) +
                     " turns; wanted an odd number, the last one being the user's");
  }
  return turns;
}

/// Whether a conversation begins with all turns of the prompt.
bool begins_with(const std::vector<ChatMessage>& messages, const std::vector<std::string>& turns) {
  if (messages.size() < turns.size()) return false;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const std::string_view role = i % 2 == 0 ? "user" : "assistant";
    if (messages[i].role != role || messages[i].content != turns[i]) return false;
  }
  return true;
}

/// One of TRL's chosen and rejected, or its completion, behind an explicit prompt. Some datasets
/// repeat the prompt in it.
std::string as_candidate(const JsonValue& value, const std::string& name,
                         const std::vector<std::string>& prompt) {
  if (!is_message_list(value)) return as_text(value, name);
  std::vector<ChatMessage> messages = as_messages(value, name);
  if (begins_with(messages, prompt)) {
    messages.erase(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(prompt.size()));
  }
  return as_answer(messages, name);
}

/// A whole conversation: a list of messages, or a transcript.
std::vector<ChatMessage> as_conversation(const JsonValue& value, const std::string& name) {
  if (is_message_list(value)) return as_messages(value, name);
  const std::string text = value.is_string() ? as_text(value, name) : std::string();
  if (!is_transcript(text)) {
    throw RowProblem("prompt is missing or null, and " + name +
                     " does not hold it: it is no message list and no transcript that begins with "
                     "\"\\n\\nHuman:\"");
  }
  return as_transcript(text);
}

/// The form without a prompt: both conversations whole, of which the common beginning is it.
void fill_conversations(const RowFields& fields, PreferenceRow& row) {
  std::vector<ChatMessage> chosen = as_conversation(*fields.chosen, "chosen");
  std::vector<ChatMessage> rejected = as_conversation(*fields.rejected, "rejected");
  const std::size_t num_shared = std::min(
      {chosen.size() - 1, rejected.size() - 1,
       static_cast<std::size_t>(std::ranges::mismatch(chosen, rejected).in1 - chosen.begin())});
  if (num_shared % 2 == 0) {
    throw RowProblem("chosen and rejected share their first " + std::to_string(num_shared) +
                     " messages; wanted an odd number, the last one being the user's");
  }
  const auto shared_end = static_cast<std::ptrdiff_t>(num_shared);
  row.prompt_turns = as_prompt_turns({chosen.begin(), chosen.begin() + shared_end}, "chosen");
  chosen.erase(chosen.begin(), chosen.begin() + shared_end);
  rejected.erase(rejected.begin(), rejected.begin() + shared_end);
  row.responses = {as_answer(chosen, "chosen"), as_answer(rejected, "rejected")};
}

}  // namespace

void fill_prompt(const JsonValue& prompt, PreferenceRow& row) {
  row.prompt_turns = as_turns(prompt);
}

void fill_chosen_rejected(const RowFields& fields, PreferenceRow& row) {
  required(fields.chosen, "chosen");
  required(fields.rejected, "rejected");
  if (fields.prompt) {
    row.prompt_turns = as_turns(*fields.prompt);
    row.responses = {as_candidate(*fields.chosen, "chosen", row.prompt_turns),
                     as_candidate(*fields.rejected, "rejected", row.prompt_turns)};
  } else {
    fill_conversations(fields, row);
  }
  row.better_response_id = 0;
}

void fill_completion(const RowFields& fields, PreferenceRow& row) {
  row.prompt_turns = as_turns(required(fields.prompt, "prompt"));
  row.responses = {as_candidate(*fields.completion, "completion", row.prompt_turns)};
}

void fill_messages(const RowFields& fields, PreferenceRow& row) {
  std::vector<ChatMessage> messages = as_messages(*fields.messages, "messages");
  const std::size_t count = messages.size();
  std::vector<ChatMessage> answer;
  if (count > 0) {
    answer.push_back(std::move(messages.back()));
    messages.pop_back();
  }
  // Before the count, which a message of another role, such as system, makes odd.
  row.prompt_turns = as_prompt_turns(messages, "messages");
  if (count == 0 || count % 2 != 0) {
    throw RowProblem("messages has " + std::to_string(count) +
                     " entries; wanted an even number, the last one being the assistant's");
  }
  row.responses = {as_answer(answer, "the last of messages")};
}

void fill_instruction(const RowFields& fields, PreferenceRow& row) {
  std::string prompt = as_text(*fields.instruction, "instruction");
  if (fields.input) {
    const std::string input = as_text(*fields.input, "input");
    if (!input.empty()) prompt += " " + input;
  }
  row.prompt_turns = {std::move(prompt)};
  row.responses = {as_text(required(fields.output, "output"), "output")};
}

void fill_texts(const RowFields& fields, PreferenceRow& row) {
  row.prompt_turns = as_turns(required(fields.prompt, "prompt"));
  if (fields.responses) {
    for (const JsonValue item : as_list(*fields.responses, "responses", "a list of texts")) {
      row.responses.push_back(
          as_text(item, "responses[" + std::to_string(row.responses.size()) + "]"));
    }
  } else if (!fields.numbered_texts.empty()) {
    require_contiguous(fields.numbered_texts, "");
    row.responses.reserve(fields.numbered_texts.size());
    for (const NumberedValue& text : fields.numbered_texts) {
      row.responses.push_back(as_text(text.value, numbered_name("response_", text.number, "")));
    }
  } else {
    row.responses.push_back(as_text(*fields.response, "response"));
  }
}

}  // namespace midpo
