// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/post_processor.h"

#include <limits>
#include <string>

namespace midpo {
namespace {

std::int32_t token_id(const JsonNode& node) {
  const std::int64_t id = node.integer();
  if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) node.fail("wanted a token id");
  return static_cast<std::int32_t>(id);
}

/// The id in ["</s>", 2].
std::int32_t named_token_id(const JsonNode& node) {
  const auto elements = node.elements();
  if (elements.size() != 2) node.fail("wanted a token and its id");
  return token_id(elements[1]);
}

}  // namespace

PostProcessor::PostProcessor(const JsonNode& node) { wrap(node); }

void PostProcessor::wrap(const JsonNode& node) {
  const std::string type = node.string("type");
  if (type == "Sequence") {
    for (const JsonNode& element : node.at("processors").elements()) wrap(element);
  } else if (type == "TemplateProcessing") {
    wrap_template(node);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    require_one_text(node);
    prefix.insert(prefix.begin(), named_token_id(node.at("cls")));
    suffix.push_back(named_token_id(node.at("sep")));
  } else if (type != "ByteLevel") {
    node.fail("type is " + type +
              "; supported are TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel "
              "and Sequence");
  }
}

/// Hugging Face tokenizers hand a template's tokens and text on as separate texts, and wrap each.
void PostProcessor::require_one_text(const JsonNode& node) const {
  if (is_in_pieces_) node.fail("adds tokens behind a TemplateProcessing that has added some");
}

void PostProcessor::wrap_template(const JsonNode& node) {
  require_one_text(node);
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  bool has_text = false;
  for (const JsonNode& piece : node.at("single").elements()) {
    if (piece.has("Sequence")) {
      if (has_text) piece.fail("a second text in the template of a single one");
      has_text = true;
      continue;
    }
    const JsonNode ids =
        node.at("special_tokens").at(piece.at("SpecialToken").string("id")).at("ids");
    for (const JsonNode& id : ids.elements()) (has_text ? after : before).push_back(token_id(id));
  }
  if (!has_text) node.at("single").fail("a template without the text");
  is_in_pieces_ = !before.empty() || !after.empty();
  prefix.insert(prefix.begin(), before.begin(), before.end());
  suffix.insert(suffix.end(), after.begin(), after.end());
}

}  // namespace midpo
