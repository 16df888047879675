// SPDX-License-Identifier: Apache-2.0
// ChatMessage lists, [{"role": "user", "content": "..."}, ...], as TRL's datasets hold them.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/row_fields.h"

namespace midpo {

struct ChatMessage {
  std::string role;
  std::string content;

  bool operator==(const ChatMessage&) const = default;
};

/// True for a list whose first item is an object.
bool is_message_list(const JsonValue& value);

/// @throws RowProblem unless each item is an object with the texts role and content.
std::vector<ChatMessage> as_messages(const JsonValue& value, const std::string& name);

/// The contents of a conversation that goes user, assistant, ..., user.
/// @throws RowProblem for other roles (there is no place for them in the template) or another
/// order.
std::vector<std::string> as_prompt_turns(const std::vector<ChatMessage>& messages,
                                         const std::string& name);

/// The content of a list that holds one message of the assistant. @throws RowProblem
std::string as_answer(const std::vector<ChatMessage>& messages, const std::string& name);

}  // namespace midpo
