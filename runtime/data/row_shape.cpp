// SPDX-License-Identifier: Apache-2.0
#include "runtime/data/row_shape.h"

#include <algorithm>
#include <string>

#include "runtime/data/json_values.h"
#include "runtime/data/row_texts.h"

namespace midpo {
namespace {

void fill_list_of_ids(const JsonValue& value, const std::string& name, PreferenceRow& row) {
  for (const JsonValue item : as_list(value, name, "a list of lists of token ids")) {
    row.response_ids.push_back(
        as_token_ids(item, name + "[" + std::to_string(row.response_ids.size()) + "]"));
  }
}

/// response_ids is one response's ids, or a list of such lists.
void fill_response_ids(const JsonValue& value, PreferenceRow& row) {
  const simdjson::dom::array list = as_list(value, "response_ids", "a list of token ids");
  if (list.begin() != list.end() && (*list.begin()).is_array()) {
    fill_list_of_ids(value, "response_ids", row);
  } else {
    row.response_ids.push_back(as_token_ids(value, "response_ids"));
  }
}

void fill_token_ids(const RowFields& fields, PreferenceRow& row) {
  row.prompt_ids = as_token_ids(required(fields.prompt_ids, "prompt_ids"), "prompt_ids");
  if (fields.responses_ids) {
    fill_list_of_ids(*fields.responses_ids, "responses_ids", row);
  } else if (!fields.numbered_ids.empty()) {
    require_contiguous(fields.numbered_ids, "_ids");
    row.response_ids.reserve(fields.numbered_ids.size());
    for (const NumberedValue& ids : fields.numbered_ids) {
      row.response_ids.push_back(
          as_token_ids(ids.value, numbered_name("response_", ids.number, "_ids")));
    }
  } else {
    fill_response_ids(required(fields.response_ids, "response_0_ids"), row);
  }
}

void require_no_empty_ids(const PreferenceRow& row) {
  const auto empty =
      std::ranges::find_if(row.response_ids, [](const auto& ids) { return ids.empty(); });
  if (empty == row.response_ids.end()) return;
  throw RowProblem("the token ids of response " + std::to_string(empty - row.response_ids.begin()) +
                   " are an empty list");
}

/// Chooses the shape. A response field decides; `text` and `ids` count where there is none, so
/// that columns of these names may stand beside responses.
void fill_prompt_and_responses(const RowFields& fields, PreferenceRow& row) {
  const bool has_texts = fields.responses || !fields.numbered_texts.empty() || fields.response;
  const bool has_pair = fields.chosen || fields.rejected;
  const bool has_ids = fields.prompt_ids || fields.responses_ids || fields.response_ids ||
                       !fields.numbered_ids.empty();
  if (has_ids && (has_texts || has_pair)) {
    throw RowProblem("has both texts and token ids of its responses; keep one of them");
  }
  if (fields.responses && !fields.numbered_texts.empty()) {
    throw RowProblem("has both responses and response_0; keep one of them");
  }
  if (has_texts) return fill_texts(fields, row);
  if (has_pair) return fill_chosen_rejected(fields, row);
  if (has_ids) return fill_token_ids(fields, row);
  if (fields.completion) return fill_completion(fields, row);
  if (fields.messages) return fill_messages(fields, row);
  if (fields.instruction) return fill_instruction(fields, row);
  if (fields.text && fields.ids) throw RowProblem("has both text and ids; keep one of them");
  if (fields.ids) {
    row.response_ids.push_back(as_token_ids(*fields.ids, "ids"));
  } else if (fields.text) {
    row.responses.push_back(as_text(*fields.text, "text"));
    row.is_plain_text = true;
  } else {
    throw RowProblem(
        "response_0 is missing or null, and so are responses, chosen, response, completion, "
        "messages, text, ids and their token id forms");
  }
}

/// A row of a job that only wants prompts, whatever else it has.
void fill_prompt_only(const RowFields& fields, PreferenceRow& row) {
  if (fields.prompt) return fill_prompt(*fields.prompt, row);
  if (fields.prompt_ids) {
    row.prompt_ids = as_token_ids(*fields.prompt_ids, "prompt_ids");
  } else if (fields.text) {
    row.prompt_turns = {as_text(*fields.text, "text")};
    row.is_plain_text = true;
  } else if (fields.ids) {
    row.prompt_ids = as_token_ids(*fields.ids, "ids");
  } else {
    throw RowProblem("prompt is missing or null, and so are prompt_ids, text and ids");
  }
  if (row.prompt_turns.empty() && row.prompt_ids.empty()) {
    throw RowProblem("the token ids of the prompt are an empty list");
  }
}

void require_count(std::size_t count, const RowRequirements& requirements) {
  const std::string found = "has " + std::to_string(count) + " responses; ";
  if (count < requirements.min_responses) {
    throw RowProblem(found + "this job needs at least " +
                     std::to_string(requirements.min_responses));
  }
  if (count > requirements.max_responses) {
    throw RowProblem(found + "this job takes at most " +
                     std::to_string(requirements.max_responses));
  }
}

void fill_safety(const RowFields& fields, PreferenceRow& row) {
  const std::size_t count = row.num_responses();
  row.is_response_safe.resize(count);
  for (const NumberedValue& label : fields.numbered_safety) {
    const std::string name = numbered_name("is_response_", label.number, "_safe");
    if (label.number >= count) {
      throw RowProblem(name + " labels a response that the row does not have");
    }
    row.is_response_safe[label.number] = as_bool(label.value, name);
  }
  if (!fields.is_response_safe) return;
  if (!fields.numbered_safety.empty()) {
    throw RowProblem("has both is_response_safe and is_response_0_safe; keep one of them");
  }
  std::size_t index = 0;
  for (const JsonValue item : as_list(*fields.is_response_safe, "is_response_safe", "a list")) {
    if (index < count && !item.is_null()) {
      row.is_response_safe[index] =
          as_bool(item, "is_response_safe[" + std::to_string(index) + "]");
    }
    ++index;
  }
  if (index != count) {
    throw RowProblem("is_response_safe has " + std::to_string(index) + " entries; wanted " +
                     std::to_string(count) + ", one a response");
  }
}

void fill_labels(const RowFields& fields, const RowRequirements& requirements, PreferenceRow& row) {
  const std::size_t count = row.num_responses();
  if (fields.better_response_id) {
    const auto better = as_response_index(*fields.better_response_id, "better_response_id", count);
    // A row that was ranked keeps its chosen and rejected, whoever won.
    const bool is_ranked = !fields.numbered_costs.empty();
    if (!is_ranked && row.better_response_id && *row.better_response_id != better) {
      throw RowProblem("better_response_id is " + std::to_string(better) +
                       ", but chosen is response 0");
    }
    row.better_response_id = better;
  }
  if (fields.safer_response_id) {
    row.safer_response_id =
        as_response_index(*fields.safer_response_id, "safer_response_id", count);
  }
  fill_safety(fields, row);
  if (!requirements.needs_labels) return;
  if (!row.better_response_id) throw RowProblem("better_response_id is missing or null");
  if (!row.safer_response_id) throw RowProblem("safer_response_id is missing or null");
  for (std::size_t i = 0; i < count; ++i) {
    if (row.is_response_safe[i]) continue;
    throw RowProblem(numbered_name("is_response_", i, "_safe") + " is missing or null");
  }
}

}  // namespace

void fill_row(const RowFields& fields, const RowRequirements& requirements, PreferenceRow& row) {
  if (requirements.is_prompt_only) return fill_prompt_only(fields, row);
  fill_prompt_and_responses(fields, row);
  require_no_empty_ids(row);
  require_count(row.num_responses(), requirements);
  fill_labels(fields, requirements, row);
}

}  // namespace midpo
