// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/messages.h"

#include "runtime/core/json_text.h"
#include "runtime/data/json_values.h"

namespace midpo {
namespace {

std::string text_member(const simdjson::dom::object& message, std::string_view key,
                        const std::string& name) {
  JsonValue value;
  if (message.at_key(key).get(value) != simdjson::SUCCESS) {
    throw RowProblem(name + " has no " + std::string(key));
  }
  return as_text(value, name + "." + std::string(key));
}

void require_role(const ChatMessage& message, std::string_view wanted, const std::string& name) {
  if (message.role == wanted) return;
  throw RowProblem(name + ".role is " + json_string(message.role.substr(0, 40)) + "; wanted \"" +
                   std::string(wanted) + "\" at this place");
}

std::string item_name(const std::string& name, std::size_t index) {
  return name + "[" + std::to_string(index) + "]";
}

}  // namespace

bool is_message_list(const JsonValue& value) {
  simdjson::dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return false;
  return list.begin() != list.end() && (*list.begin()).is_object();
}

std::vector<ChatMessage> as_messages(const JsonValue& value, const std::string& name) {
  std::vector<ChatMessage> messages;
  for (const JsonValue item : as_list(value, name, "a list of messages")) {
    const std::string item_label = item_name(name, messages.size());
    simdjson::dom::object object;
    if (item.get(object) != simdjson::SUCCESS) refuse_kind(item_label, item, "a message");
    messages.push_back(
        {text_member(object, "role", item_label), text_member(object, "content", item_label)});
  }
  return messages;
}

std::vector<std::string> as_prompt_turns(const std::vector<ChatMessage>& messages,
                                         const std::string& name) {
  std::vector<std::string> turns;
  for (const ChatMessage& message : messages) {
    const bool is_user_turn = turns.size() % 2 == 0;
    require_role(message, is_user_turn ? "user" : "assistant", item_name(name, turns.size()));
    turns.push_back(message.content);
  }
  return turns;
}

std::string as_answer(const std::vector<ChatMessage>& messages, const std::string& name) {
  if (messages.size() != 1) {
    throw RowProblem(name + " has " + std::to_string(messages.size()) +
                     " messages after the prompt; wanted one, the assistant's");
  }
  require_role(messages.front(), "assistant", item_name(name, 0));
  return messages.front().content;
}

}  // namespace midpo
