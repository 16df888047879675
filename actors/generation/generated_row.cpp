// SPDX-License-Identifier: Apache-2.0
#include "actors/generation/generated_row.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "runtime/core/json_text.h"
#include "runtime/data/row_json.h"

namespace midpo {
namespace {

/// Speaks of responses the row came with.
bool is_about_responses(std::string_view name) {
  return name.starts_with("response") || name.starts_with("is_response_") || name == "chosen" ||
         name == "rejected" || name == "better_response_id" || name == "safer_response_id" ||
         name.starts_with("finish_reason");
}

template <class Item>
std::string json_list(const std::vector<Item>& items,
                      const std::function<std::string(const Item&)>& text_of) {
  std::string list = "[";
  for (const Item& item : items) list += (list.size() > 1 ? ", " : "") + text_of(item);
  return list + "]";
}

std::string ids_text(const GeneratedResponse& response) {
  return json_list<std::int32_t>(response.tokens,
                                 [](std::int32_t id) { return std::to_string(id); });
}

std::string log_probs_text(const GeneratedResponse& response) {
  return json_list<float>(response.log_probs,
                          [](float value) { return json_number(static_cast<double>(value)); });
}

/// The value of one response, or the list of all of them.
std::string value_of(const GeneratedRow& row,
                     const std::function<std::string(const GeneratedResponse&)>& text_of) {
  if (row.responses.size() == 1) return text_of(row.responses.front());
  return json_list<GeneratedResponse>(row.responses, text_of);
}

}  // namespace

std::uint64_t GeneratedRow::num_tokens() const {
  std::uint64_t count = 0;
  for (const GeneratedResponse& response : responses) count += response.tokens.size();
  return count;
}

std::string generated_line(const GenerationJob& job, const GeneratedRow& row,
                           const std::string& model) {
  const bool is_single = row.responses.size() == 1;
  std::vector<JsonField> fields;
  if (row.prompt->is_tokenized) {
    fields.push_back({is_single ? "response_ids" : "responses_ids", value_of(row, ids_text)});
  } else {
    fields.push_back(
        {is_single ? "response" : "responses",
         value_of(row, [](const GeneratedResponse& r) { return json_string(r.text); })});
  }
  fields.push_back(
      {is_single ? "finish_reason" : "finish_reasons",
       value_of(row, [](const GeneratedResponse& r) { return json_string(r.finish_reason); })});
  fields.push_back({"prompt_tokens", std::to_string(row.prompt->prompt.size())});
  fields.push_back({"response_tokens", value_of(row, [](const GeneratedResponse& r) {
                      return std::to_string(r.tokens.size());
                    })});
  if (job.responses.wants_log_probs) {
    fields.push_back({"response_log_probs", value_of(row, log_probs_text)});
  }
  fields.push_back({"model", json_string(model)});
  return with_fields(without_fields(row.prompt->json, is_about_responses), fields) + "\n";
}

}  // namespace midpo
