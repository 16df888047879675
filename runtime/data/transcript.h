// SPDX-License-Identifier: Apache-2.0
// Conversations as one text, "\n\nHuman: ...\n\nAssistant: ...", as HH-RLHF holds them.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/data/messages.h"

namespace midpo {

/// True for a text that begins with a speaker.
bool is_transcript(std::string_view text);

/// The turns of a transcript in their order, without the white space around them.
std::vector<ChatMessage> as_transcript(std::string_view text);

}  // namespace midpo
