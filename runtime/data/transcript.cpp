// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/transcript.h"

#include <algorithm>
#include <array>
#include <string>

namespace midpo {
namespace {

struct Speaker {
  std::string_view mark;
  const char* role;
};
constexpr std::array<Speaker, 2> kSpeakers{
    {{"\n\nHuman:", "user"}, {"\n\nAssistant:", "assistant"}}};

/// Whose turn begins where the text does.
const Speaker* speaker_of(std::string_view text) {
  const auto found = std::ranges::find_if(
      kSpeakers, [&](const Speaker& speaker) { return text.starts_with(speaker.mark); });
  return found == kSpeakers.end() ? nullptr : &*found;
}

std::size_t next_turn(std::string_view text) {
  std::size_t next = text.size();
  for (const Speaker& speaker : kSpeakers) next = std::min(next, text.find(speaker.mark));
  return next;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) + 1 - first));
}

}  // namespace

bool is_transcript(std::string_view text) { return speaker_of(text) != nullptr; }

std::vector<ChatMessage> as_transcript(std::string_view text) {
  std::vector<ChatMessage> turns;
  while (!text.empty()) {
    const Speaker& speaker = *speaker_of(text);
    text.remove_prefix(speaker.mark.size());
    const std::size_t size = next_turn(text);
    turns.push_back({speaker.role, trimmed(text.substr(0, size))});
    text.remove_prefix(size);
  }
  return turns;
}

}  // namespace midpo
