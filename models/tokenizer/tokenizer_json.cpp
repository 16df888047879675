// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer/tokenizer_json.h"

#include <limits>
#include <utility>

#include <simdjson.h>

#include "models/tokenizer/json_node.h"
#include "runtime/core/error.h"

namespace midpo {
namespace {

using simdjson::dom::element;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error(ErrorCode::kCheckpoint, where + ": " + what);
}

/// The value of a key of an object; false when it is absent or null.
bool find(const element& object, std::string_view key, element& value) {
  return object.at_key(key).get(value) == simdjson::SUCCESS && !value.is_null();
}

/// A small part of the file as a document that JsonNode reads.
nlohmann::json document_of(const element& value) {
  return nlohmann::json::parse(simdjson::minify(value));
}

std::string_view text_of(const element& value, const std::string& where) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) fail(where, "wanted a string");
  return text;
}

void read_vocab(const element& model, BpeOptions& options) {
  simdjson::dom::object vocab;
  if (model.at_key("vocab").get(vocab) != simdjson::SUCCESS) {
    fail(options.where, "the key vocab is missing or not an object");
  }
  for (const auto& [token, value] : vocab) {
    std::int64_t id = 0;
    if (value.get(id) != simdjson::SUCCESS || id < 0 ||
        id > std::numeric_limits<std::int32_t>::max()) {
      fail(options.where + ".vocab", "the id of " + std::string(token) + " is not a token id");
    }
    options.vocab.push_back({token, static_cast<std::int32_t>(id)});
  }
}

std::pair<std::string_view, std::string_view> halves_of(const element& merge,
                                                        const std::string& where) {
  simdjson::dom::array pair;
  if (merge.get(pair) == simdjson::SUCCESS) {
    if (pair.size() != 2) fail(where, "a merge is not of two tokens");
    return {text_of(pair.at(0).value(), where), text_of(pair.at(1).value(), where)};
  }
  const std::string_view text = text_of(merge, where);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    fail(where, "the merge \"" + std::string(text) + "\" is not of two tokens");
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

void read_merges(const element& model, BpeOptions& options) {
  simdjson::dom::array merges;
  if (model.at_key("merges").get(merges) != simdjson::SUCCESS) {
    fail(options.where, "the key merges is missing or not an array");
  }
  const std::string where = options.where + ".merges";
  for (const element merge : merges) {
    std::string_view text;
    const bool is_comment = merge.get(text) == simdjson::SUCCESS && text.starts_with("#version");
    if (!is_comment) options.merges.push_back(halves_of(merge, where));
  }
}

/// The options of the model, which are few beside its vocabulary.
nlohmann::json scalars_of(const element& model, const std::string& where) {
  simdjson::dom::object members;
  if (model.get(members) != simdjson::SUCCESS) fail(where, "wanted an object");
  nlohmann::json scalars = nlohmann::json::object();
  for (const auto& [key, value] : members) {
    if (!value.is_object() && !value.is_array()) scalars[std::string(key)] = document_of(value);
  }
  return scalars;
}

void refuse_nonempty(const JsonNode& model, const char* key) {
  const std::string value = model.optional_string(key).value_or("");
  if (!value.empty()) model.at(key).fail("is " + value + ", only an empty one is supported");
}

BpeModel read_model(const element& root, const std::string& where) {
  element model;
  if (!find(root, "model", model)) fail(where, "the key model is missing");
  BpeOptions options;
  options.where = where + ": model";
  const nlohmann::json scalars = scalars_of(model, options.where);
  const JsonNode node(scalars, options.where);
  // Files of early versions name no type.
  const std::string type = node.optional_string("type").value_or("BPE");
  if (type != "BPE") node.at("type").fail("is " + type + ", only BPE is supported");
  if (node.has("dropout") && scalars["dropout"] != 0.0) {
    node.at("dropout").fail("is " + scalars["dropout"].dump() +
                            ", which makes ids random; only null is supported");
  }
  refuse_nonempty(node, "continuing_subword_prefix");
  refuse_nonempty(node, "end_of_word_suffix");
  options.unk_token = node.optional_string("unk_token");
  options.fuse_unk = node.boolean_or("fuse_unk", false);
  options.byte_fallback = node.boolean_or("byte_fallback", false);
  options.ignore_merges = node.boolean_or("ignore_merges", false);
  read_vocab(model, options);
  read_merges(model, options);
  return BpeModel(options);
}

std::vector<AddedToken> read_added_tokens(const JsonNode& list) {
  std::vector<AddedToken> tokens;
  for (const JsonNode& node : list.elements()) {
    tokens.push_back({.content = node.string("content"),
                      .single_word = node.boolean("single_word"),
                      .lstrip = node.boolean("lstrip"),
                      .rstrip = node.boolean("rstrip"),
                      .normalized = node.boolean("normalized"),
                      .special = node.boolean("special")});
  }
  return tokens;
}

/// Calls `read(JsonNode)` with a part of the file, if it has it.
template <typename Read>
void with_part(const element& root, const std::string& where, const char* key, Read&& read) {
  element value;
  if (!find(root, key, value)) return;
  const nlohmann::json document = document_of(value);
  read(JsonNode(document, where + ": " + key));
}

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view json, const std::string& where) {
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    fail(where, std::string("not JSON: ") + simdjson::error_message(error));
  }
  if (!root.is_object()) fail(where, "wanted an object");
  TokenizerJson parts{.model = read_model(root, where),
                      .normalizer = {},
                      .pre_tokenizer = {},
                      .post_processor = {},
                      .decoder = {},
                      .added_tokens = {}};
  with_part(root, where, "version", [](const JsonNode& node) {
    if (node.string() != "1.0") node.fail("is " + node.string() + ", only 1.0 is known");
  });
  with_part(root, where, "normalizer",
            [&](const JsonNode& node) { parts.normalizer = Normalizer(node); });
  with_part(root, where, "pre_tokenizer", [&](const JsonNode& node) {
    parts.pre_tokenizer = PreTokenizer(node, parts.model.covers_bytes());
  });
  with_part(root, where, "post_processor",
            [&](const JsonNode& node) { parts.post_processor = PostProcessor(node); });
  with_part(root, where, "decoder",
            [&](const JsonNode& node) { parts.decoder = TokenDecoder(node); });
  with_part(root, where, "added_tokens",
            [&](const JsonNode& node) { parts.added_tokens = read_added_tokens(node); });
  return parts;
}

}  // namespace midpo
